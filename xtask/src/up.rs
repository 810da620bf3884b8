//! `cargo xtask up`: from a fresh clone to one URL.

use std::ffi::OsString;

use anyhow::Result;

use crate::{
    process::{become_program, cargo_native, command, watch},
    report::say,
    tools,
    wasm::{self, APP},
    workspace::Workspace,
};

/// Builds what is missing, then becomes `thetab up`, so that a signal ends that and nothing is left.
pub(crate) fn run_up(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    wasm::build(workspace)?;
    build_thetab(workspace)?;
    if !tools::has_ffmpeg() {
        say("No ffmpeg here. The samples need none, `thetab publish` does: sudo apt-get install ffmpeg");
    }
    let mut up = command(&workspace.root, workspace.program("thetab"), &["up", "--app", APP]);
    Err(become_program(up.args(arguments)))
}

/// Builds the binary, for development: one relay for a few tabs needs no more, and it is there soonest.
fn build_thetab(workspace: &Workspace) -> Result<()> {
    watch("Building thetab", cargo_native(&workspace.root, &["build", "--bin", "thetab"]))
}
