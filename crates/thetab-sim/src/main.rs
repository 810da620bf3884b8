//! Runs simulated worlds and says what came of them.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context as _, bail};
use clap::Parser;
use thetab_sim::{Report, SCENARIOS, Scenario};

/// Runs simulated worlds of the real cores. Equal seeds give equal runs.
#[derive(Debug, Parser)]
#[command(name = "thetab-sim")]
struct Arguments {
    /// Which scenario; every short one without. `list` lists them
    scenario: Option<String>,
    /// Runs this seed, as printed by a failure: 42 or 0x2a
    #[arg(long, value_parser = parse_seed)]
    seed: Option<u64>,
    /// Runs this many seeds, from the first on
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Prints what each viewer took from the origin as well
    #[arg(long)]
    viewers: bool,
    /// Prints what happened as well, line by line
    #[arg(long)]
    log: bool,
}

fn parse_seed(text: &str) -> Result<u64, std::num::ParseIntError> {
    text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| u64::from_str_radix(hex, 16))
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut out = io::stdout().lock();
    if arguments.scenario.as_deref() == Some("list") {
        for Scenario { name, about, .. } in SCENARIOS {
            writeln!(out, "{name:<20} {about}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let scenarios = chosen(arguments.scenario.as_deref())?;
    let first = arguments.seed.unwrap_or(1);
    writeln!(out, "{:<20} {:>8}  {}  {:>9}  trace", "scenario", "seed", Report::COLUMNS, "took")?;
    let mut failures = Vec::new();
    for scenario in scenarios {
        for seed in first..first.saturating_add(arguments.seeds) {
            failures.extend(run(scenario, seed, &arguments, &mut out)?);
        }
    }
    for failure in &failures {
        writeln!(out, "\n{failure}")?;
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(name: Option<&str>) -> anyhow::Result<Vec<&'static Scenario>> {
    let Some(name) = name else {
        return Ok(SCENARIOS.iter().filter(|scenario| !scenario.is_long).collect());
    };
    match Scenario::find(name) {
        Some(scenario) => Ok(vec![scenario]),
        None => bail!("there is no scenario {name:?}; `thetab-sim list` lists them"),
    }
}

/// One world, one line; what did not hold, if anything.
fn run(
    scenario: &Scenario,
    seed: u64,
    arguments: &Arguments,
    out: &mut impl io::Write,
) -> anyhow::Result<Option<String>> {
    let begun = Instant::now();
    let world = scenario.world(seed);
    let (report, took) = (world.report(), begun.elapsed());
    let failure = world.verdict().err();
    let mark = if failure.is_some() { " FAILED" } else { "" };
    let name = scenario.name;
    writeln!(out, "{name:<20} {seed:>#8x}  {report}  {took:>9.2?}  {}{mark}", report.trace)
        .context("the table cannot be written")?;
    if arguments.log {
        world.log().iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    if arguments.viewers {
        writeln!(out, "{:>30} from the origin: {:?} %", "", report.origin_share_by_viewer)?;
    }
    out.flush()?;
    Ok(failure)
}
