//! `thetab edge`

use std::{io::IsTerminal as _, time::Duration};

use anyhow::Context as _;
use clap::Args;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use thetab_native::{EdgeNode, NodeOptions, StreamInfo, Url, Viewer};
use thetab_node::{NodeSnapshot, Settings, SharingMode};
use tokio::signal::unix::{SignalKind, signal};

pub(super) const EXAMPLES: &str = "\
Examples:
  thetab edge --stream sample
      Shares the sample of a relay on this machine
  thetab edge --relay https://relay.example --stream keynote --upload 50 --memory 2048
      Helps a relay elsewhere with up to 50 Mbit/s, and keeps up to 2 GiB of the stream in memory

The node joins the stream's viewers as one of them: it takes each piece once, from viewers or the
relay, checks it against the publisher's signature and passes it on until Ctrl-C. Viewers see its
network address.";

/// A video that does not change is taken in this many times faster than it plays, to be there for others soon.
const SPEED: u32 = 8;
/// Between two lines of a log.
const REPORT: Duration = Duration::from_secs(30);
/// Between two looks of a person.
const REDRAW: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(crate) struct EdgeArguments {
    /// Where the relay's pages are
    #[arg(long, value_name = "URL", env = "THETAB_RELAY", default_value = "http://localhost:8080")]
    relay: Url,
    /// Name of the stream
    #[arg(long, value_name = "NAME")]
    stream: String,
    /// Most upload to viewers, in Mbit/s
    #[arg(long, value_name = "MBIT", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    upload: u32,
    /// Most memory for the stream's pieces, in MiB
    #[arg(long, value_name = "MIB", default_value = "256", value_parser = clap::value_parser!(u32).range(16..=65_536))]
    memory: u32,
    /// Most viewers to be linked with at a time; the publisher's ticket may allow fewer
    #[arg(long, value_name = "COUNT", default_value = "64", value_parser = clap::value_parser!(u16).range(1..=512))]
    links: u16,
}

pub(crate) fn run(arguments: &EdgeArguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let node = EdgeNode::start(arguments.relay.clone(), &arguments.stream, &options(arguments))
            .await
            .with_context(|| format!("no edge node for `{}` at {}", arguments.stream, arguments.relay))?;
        node.set_settings(Settings {
            sharing: Some(SharingMode::Share),
            upload_cap_bytes_per_second: u64::from(arguments.upload) * 1_000_000 / 8,
            metered: false,
        });
        tokio::select! {
            shared = share(&node) => shared?,
            () = report(&node) => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        let snapshot = node.snapshot();
        node.shut_down().await;
        eprintln!("{}", line(&snapshot));
        Ok(())
    })
}

fn options(arguments: &EdgeArguments) -> NodeOptions {
    NodeOptions {
        memory_limit_bytes: arguments.memory as usize * 1024 * 1024,
        wanted_links: usize::from(arguments.links.min(16)),
        maximum_links: usize::from(arguments.links),
        ..NodeOptions::default()
    }
}

/// Takes the stream in as a viewer does; what has been taken in is shared until somebody ends it.
async fn share(node: &EdgeNode) -> anyhow::Result<()> {
    let stream = node.stream();
    let speed = if stream.live { 1 } else { SPEED };
    let viewer = Viewer::new(node, renditions(stream)).at_speed(speed);
    viewer.watch(|_, _| {}).await.with_context(|| format!("`{}` cannot be read", stream.name))?;
    std::future::pending().await
}

/// Every rendition: viewers watch in different qualities.
fn renditions(stream: &StreamInfo) -> Vec<u16> {
    stream.renditions.iter().map(|rendition| rendition.id).collect()
}

/// Says how it goes: one line that changes for a person, one now and then for a log.
async fn report(node: &EdgeNode) {
    let is_watched = std::io::stderr().is_terminal();
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{spinner} {msg}").expect("the template is a constant"));
    let mut ticks = tokio::time::interval(if is_watched { REDRAW } else { REPORT });
    loop {
        ticks.tick().await;
        let line = line(&node.snapshot());
        if is_watched {
            bar.set_message(line);
            bar.tick();
        } else {
            eprintln!("{line}");
        }
    }
}

fn line(snapshot: &NodeSnapshot) -> String {
    let stats = &snapshot.stats;
    format!(
        "{} viewers, {} links; {} from viewers, {} from the relay, {} passed on; {} pieces verified, {} rejected",
        snapshot.viewers,
        stats.links,
        HumanBytes(stats.peer_bytes),
        HumanBytes(stats.origin_bytes),
        HumanBytes(stats.given_bytes),
        stats.verified_pieces,
        stats.rejected_pieces,
    )
}
