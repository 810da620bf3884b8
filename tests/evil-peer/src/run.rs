use std::{collections::BTreeSet, io::Write as _, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use thetab_native::{EdgeNode, NodeOptions, Url};
use thetab_node::{RelayState, Settings, SharingMode};
use thetab_wire::SegmentId;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, interval, sleep},
};

use crate::{machine::EvilNode, mode::Mode, statistics::Statistics};

/// Segments that are loaded at a time.
const LOADS: usize = 8;
/// As long as the origin may take for one segment.
const SLACK: Duration = Duration::from_secs(30);
/// Between two looks at a live stream's playlist.
const LIVE_INTERVAL: Duration = Duration::from_secs(1);

/// One line of output.
#[derive(Debug, Serialize)]
struct Line<'a> {
    seconds: u64,
    mode: Mode,
    ready: bool,
    ended: bool,
    links: u64,
    #[serde(flatten)]
    statistics: &'a Statistics,
    stored_bytes: u64,
    viewers: u32,
}

/// Runs until `patience` ends, or the program is told to stop.
pub(crate) async fn run(relay: Url, stream: &str, mode: Mode, patience: Option<Duration>) -> Result<()> {
    let statistics = Arc::<Statistics>::default();
    let counted = statistics.clone();
    let options = NodeOptions { memory_limit_bytes: 1 << 30, ..NodeOptions::default() };
    let machine = |config| EvilNode::new(config, mode, counted);
    let node =
        EdgeNode::start_as(relay, stream, &options, machine).await.context("the peer does not start")?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let report = Report { started: Instant::now(), mode, statistics: &statistics, node: &node };
    let ended = tokio::select! {
        ended = misbehave(&node) => ended,
        ended = report.each_second() => ended,
        () = until(patience) => Ok(()),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    report.line(true)?;
    node.shut_down().await;
    ended
}

/// Loads all there is from the origin; then shares it, and keeps up with a live stream.
async fn misbehave(node: &EdgeNode) -> Result<()> {
    let mut known = BTreeSet::new();
    stock(node, &mut known).await?;
    node.set_settings(Settings {
        sharing: Some(SharingMode::Share),
        upload_cap_bytes_per_second: 1_000_000_000,
        metered: false,
    });
    while node.stream().live {
        sleep(LIVE_INTERVAL).await;
        stock(node, &mut known).await?;
    }
    std::future::pending().await
}

async fn stock(node: &EdgeNode, known: &mut BTreeSet<SegmentId>) -> Result<()> {
    let mut renditions: Vec<u16> = node.stream().renditions.iter().map(|rendition| rendition.id).collect();
    renditions.sort_unstable();
    let mut missing = BTreeSet::new();
    for &rendition in &renditions {
        let playlist = node.playlist(rendition).await.context("the playlist cannot be read")?;
        let first = playlist.segments.first().map_or(0, |segment| segment.sequence);
        node.playhead(renditions.clone(), first, playlist.last_sequence());
        missing.insert(SegmentId::init(rendition));
        missing.extend(playlist.segments.iter().map(|segment| SegmentId::media(rendition, segment.sequence)));
    }
    missing.retain(|segment| !known.contains(segment));
    let loads = stream::iter(missing).map(|segment| async move {
        node.load(segment, SLACK).await.with_context(|| format!("{segment:?} cannot be loaded"))?;
        anyhow::Ok(segment)
    });
    known.extend(loads.buffer_unordered(LOADS).try_collect::<Vec<_>>().await?);
    Ok(())
}

struct Report<'a> {
    started: Instant,
    mode: Mode,
    statistics: &'a Statistics,
    node: &'a EdgeNode,
}

impl Report<'_> {
    async fn each_second(&self) -> Result<()> {
        let mut seconds = interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            self.line(false)?;
        }
    }

    fn line(&self, ended: bool) -> Result<()> {
        let snapshot = self.node.snapshot();
        let line = Line {
            seconds: self.started.elapsed().as_secs(),
            mode: self.mode,
            ready: snapshot.relay == RelayState::Connected,
            ended,
            links: self.statistics.links(),
            statistics: self.statistics,
            stored_bytes: snapshot.stats.stored_bytes,
            viewers: snapshot.viewers,
        };
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &line)?;
        writeln!(out)?;
        Ok(out.flush()?)
    }
}

async fn until(patience: Option<Duration>) {
    match patience {
        Some(patience) => sleep(patience).await,
        None => std::future::pending().await,
    }
}
