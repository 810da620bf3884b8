//! Theta edge nodes, relays and publishing from one binary.

mod commands;
mod logging;
mod publish;
mod settings;

use clap::Parser;

/// A Theta Network edge node for browsers, and what stands behind it.
#[derive(Debug, Parser)]
#[command(name = "thetab", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    logging: logging::LogArguments,
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    logging::start(&cli.logging);
    match commands::run(cli.command) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
