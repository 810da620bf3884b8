//! The binary's commands.

mod edge;
mod publish;
mod relay;
mod up;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a relay with sample streams and print one URL
    Up(up::UpArguments),
    /// Run a relay: HTTP origin, join tickets, tracker, sealed signalling, STUN, metrics
    #[command(after_help = relay::EXAMPLES)]
    Relay(relay::RelayCommand),
    /// Share a relay's stream from this machine, as a viewer's tab does
    #[command(after_help = edge::EXAMPLES)]
    Edge(edge::EdgeArguments),
    /// Make a stream of a video file, or take in a packaged one
    #[command(after_help = publish::EXAMPLES)]
    Publish(publish::PublishArguments),
}

pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Up(arguments) => up::run(&arguments),
        Command::Relay(arguments) => relay::run(&arguments),
        Command::Edge(arguments) => edge::run(&arguments),
        Command::Publish(arguments) => publish::run(&arguments),
    }
}
