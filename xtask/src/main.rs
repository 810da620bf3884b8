//! Every developer command.

mod process;
mod sample;
mod tools;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Builds, runs and tests thetab. Type `cargo xtask up` to see it.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Make the sample stream anew (needs ffmpeg)
    Sample,
}

fn main() -> Result<()> {
    let root = root();
    match Arguments::parse().command {
        Task::Sample => sample::make(&root),
    }
}

/// The repository's root, wherever the command was typed.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").to_path_buf()
}
