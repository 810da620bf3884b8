//! Every developer command.

mod process;
mod report;
mod sample;
mod stamp;
mod test;
mod tidy;
mod tools;
mod up;
mod wasm;
mod workspace;

use std::{ffi::OsString, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Builds, runs and tests thetab. Type `cargo xtask up` to see it.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build everything, start a relay with a sample stream and print one URL
    Up {
        /// Passed on to `thetab up`, such as `--http-port 8090`; see `thetab up --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run everything that CI runs; THETAB_REQUIRE=chromium,ffmpeg makes a skipped step a failure
    Test,
    /// Check format, links, the map's arrows, licences, `no_std` and Clippy
    Tidy,
    /// Build what browsers load into dist/app, and weigh it
    Wasm,
    /// Run simulated worlds, such as `cargo xtask sim --seed 0x2a`
    Sim {
        /// Passed on to the simulator; see `cargo xtask sim -- --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Send mutated bytes to every decoder and core
    Fuzz {
        /// Grow the kept corpus of this target for ten minutes instead; needs nightly Rust and cargo-fuzz
        #[arg(long, value_name = "TARGET")]
        grow: Option<String>,
        /// Passed on to the fuzzer; see `cargo xtask fuzz -- --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Play visitors' stories in a real browser
    E2e {
        /// Which stories; all without
        stories: Vec<String>,
    },
    /// Make the sample stream anew (needs ffmpeg)
    Sample,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let command = Arguments::parse().command;
    process::set_search_path(tools::programs(&workspace::root())?);
    process::end_together()?;
    let workspace = Workspace::find()?;
    match command {
        Task::Up { arguments } => up::run_up(&workspace, &arguments),
        Task::Test => test::run_all(&workspace),
        Task::Tidy => tidy::run(&workspace),
        Task::Wasm => wasm::build_and_weigh(&workspace),
        Task::Sim { arguments } => test::simulate(&workspace, &arguments),
        Task::Fuzz { grow: Some(target), .. } => test::grow(&workspace.root, &target),
        Task::Fuzz { arguments, .. } => test::fuzz(&workspace, &arguments),
        Task::E2e { stories } => test::end_to_end(&workspace, &stories),
        Task::Sample => sample::make(&workspace.root),
    }
}
