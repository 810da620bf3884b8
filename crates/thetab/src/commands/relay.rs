//! `thetab relay`

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use thetab_relay::{Relay, RelayConfig};
use tokio::signal::unix::{SignalKind, signal};

use crate::settings::RelayArguments;

pub(crate) const EXAMPLES: &str = "\
Examples:
  thetab relay --app dist/app
      On this machine only, at http://localhost:8080
  thetab relay --host 0.0.0.0 --external-address /ip4/203.0.113.7 --external-host relay.example \\
      --tls-cert fullchain.pem --tls-key privkey.pem --app dist/app --data /var/lib/thetab
      For everyone, with TLS
  THETAB_LIMITS__REQUESTS_PER_SECOND=50 thetab relay --config relay.toml
      With settings from the environment and a file; flags win over both

Limits, in the table [limits] of the file or as THETAB_LIMITS__<NAME>:
  for one address   requests_per_second 100, tickets_per_minute 60,
                    http_connections_per_address 256, connections_per_address 64,
                    connections_per_minute 120, tracker_streams_per_minute 120
  for all together  concurrent_requests 2048, http_connections 8192, sessions 20000
  for one request   header_seconds 10, idle_seconds 60

Open to the outside: the HTTP port (TCP), the WebRTC and STUN ports (UDP), the WebSocket port (TCP).
Back up the keys folder of --data: who has it can sign as you, and without it the relay's address changes.";

/// Time that answers in progress get at the end.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(crate) struct RelayCommand {
    #[command(flatten)]
    settings: RelayArguments,
}

pub(crate) fn run(arguments: &RelayCommand) -> anyhow::Result<()> {
    let config = arguments.settings.resolve(&RelayConfig::default())?;
    serve(&config, |relay| {
        eprintln!("thetab relay at {}", relay.url());
        for address in relay.addresses() {
            tracing::debug!(%address, "listening");
        }
    })
}

/// Runs a relay until it is told to stop; `started` hears of it once it serves.
pub(super) fn serve(config: &RelayConfig, started: impl FnOnce(&Relay)) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let relay = Relay::start(config).await.context("the relay does not start")?;
        started(&relay);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("shutting down");
        relay.shut_down(PATIENCE).await;
        Ok(())
    });
    runtime.shutdown_timeout(Duration::from_millis(200));
    served
}
