//! libFuzzer's driver: the target named by the variable `THETAB_FUZZ_TARGET`. See `README.md`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use thetab_fuzz::Target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("THETAB_FUZZ_TARGET").unwrap_or_default();
    thetab_fuzz::target(&name).unwrap_or_else(|| panic!("THETAB_FUZZ_TARGET=`{name}` names no target"))
});

fuzz_target!(|input: &[u8]| {
    if let Err(failure) = TARGET.check(input) {
        panic!("{}: {failure}", TARGET.name);
    }
});
