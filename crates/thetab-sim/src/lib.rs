//! Simulated worlds for the cores: virtual time, seeded faults.
