//! `cargo xtask up`: from a fresh clone to one URL.

use std::{ffi::OsString, path::Path};

use anyhow::Result;

use crate::{
    process::{become_program, cargo, command, run},
    report::step,
    wasm::{self, APP},
};

/// The binary of a development build: it is there soonest, and one relay for a few tabs needs no more.
pub(crate) const THETAB: &str = "target/debug/thetab";

/// Builds what is missing, then becomes `thetab up`, so that a signal ends that and nothing is left.
pub(crate) fn run_up(root: &Path, arguments: &[OsString]) -> Result<()> {
    wasm::build(root)?;
    build_thetab(root)?;
    let mut up = command(root, root.join(THETAB), &["up", "--app", APP]);
    Err(become_program(up.args(arguments)))
}

/// Builds the binary.
pub(crate) fn build_thetab(root: &Path) -> Result<()> {
    step("Building thetab (about 3 min the first time)", || {
        run(&mut cargo(root, &["build", "--locked", "--quiet", "--package", "thetab"]))
    })
}
