//! A peer that speaks the real protocol and breaks it in chosen ways, to test honest ones.
//!
//! It is a real edge node: it joins with a real ticket, accepts links, has everything and says so. What passes
//! between that node and the network is tampered with by [`machine::EvilNode`]; everything below (relay line,
//! sealed signalling, WebRTC) is the native host's, as it is.

mod machine;
mod mode;
mod run;
mod statistics;
mod tamper;

use std::time::Duration;

use clap::Parser;
use thetab_native::Url;
use tracing_subscriber::EnvFilter;

use crate::mode::Mode;

const AFTER_HELP: &str = "\
It first loads the whole stream from the origin, alone; then it says yes to sharing, announces all of it, and meets
whoever watches. Standard output gets one JSON object a second, and a last one with \"ended\": true:

  {\"seconds\":4,\"mode\":\"corrupt\",\"ready\":true,\"links\":1,\"requests\":7,\"pieces_sent\":7,\"tampered\":7,…}

`ready` means that it has everything and stands with its relay; `tampered` counts what it did wrong.

Examples:
  evil-peer --relay http://127.0.0.1:8080 --stream sample --mode corrupt --seconds 30
      Sends pieces with one wrong bit for half a minute
  evil-peer --relay http://127.0.0.1:8080 --stream sample --mode honest
      The control: the same program, doing nothing wrong, until it is interrupted";

/// Joins a stream's swarm and misbehaves, so that others can be seen to bear it.
#[derive(Debug, Parser)]
#[command(name = "evil-peer", version, max_term_width = 110, after_help = AFTER_HELP)]
struct Cli {
    /// The relay's HTTP address, such as http://127.0.0.1:8080
    #[arg(long, value_name = "URL")]
    relay: Url,
    /// The stream's name in URLs
    #[arg(long, value_name = "NAME")]
    stream: String,
    /// What it does wrong
    #[arg(long, value_enum)]
    mode: Mode,
    /// Ends after so many seconds; without, when it is interrupted
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// What to log on standard error, such as info or thetab_native=debug
    #[arg(long, env = "THETAB_LOG", default_value = "off,thetab_native=warn")]
    log: String,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::builder().parse_lossy(&cli.log);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let patience = cli.seconds.map(Duration::from_secs);
    match run::run(cli.relay, &cli.stream, cli.mode, patience).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
