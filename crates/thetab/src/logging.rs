//! Logs: text for people, JSON for machines, on standard error. No addresses at `info` and above: what other
//! crates say is off by default, because their warnings name peers.

use std::io::{self, IsTerminal as _};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// One line for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    /// What to log: a level, or targets with levels such as `info,thetab_relay::access=debug`
    #[arg(long, global = true, env = "THETAB_LOG", default_value = "off,thetab=info,thetab_relay=info")]
    log: String,
    /// How logs look
    #[arg(long, global = true, env = "THETAB_LOG_FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
}

pub(crate) fn start(arguments: &LogArguments) {
    let filter = EnvFilter::builder().parse_lossy(&arguments.log);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match arguments.log_format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
