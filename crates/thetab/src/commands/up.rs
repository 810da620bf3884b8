//! `thetab up`: a relay with two sample streams, for a first look.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use clap::Args;
use thetab_relay::{Kind, PackagedSource, RelayConfig, publish_packaged};

use super::relay::serve;
use crate::settings::RelayArguments;

/// A packaged ladder of two minutes: two video renditions and audio.
const SAMPLE: &[u8] = include_bytes!("../../assets/sample.tar");

/// How long the live sample has been on when it first starts.
const LIVE_HEAD_START: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    settings: RelayArguments,
}

pub(crate) fn run(arguments: &UpArguments) -> anyhow::Result<()> {
    // Two tabs on one machine are enough to see sharing at work.
    let defaults = RelayConfig { minimum_viewers: 2, data: ".thetab".into(), ..RelayConfig::default() };
    let config = arguments.settings.resolve(&defaults)?;
    publish_samples(&config.data)?;
    serve(&config, |relay| {
        eprintln!();
        eprintln!("  thetab is up: {}/watch/sample", relay.url());
        eprintln!();
        eprintln!("  Open it in two tabs and say yes in both: the second takes its bytes from the first.");
        eprintln!("  A live stream plays at {}/watch/live. Ctrl-C ends everything.", relay.url());
        eprintln!("  There is no chain in it yet: this build has video only.");
    })
}

fn publish_samples(data: &Path) -> anyhow::Result<()> {
    // A minute ago, so that the live window is full at once.
    let started =
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(LIVE_HEAD_START);
    let started_unix_ms = u64::try_from(started.as_millis()).unwrap_or(u64::MAX);
    let samples = [("sample", "Sample", Kind::Vod), ("live", "Sample, live", Kind::Loop { started_unix_ms })];
    let missing = |name: &str| !data.join("streams").join(name).exists();
    if !samples.iter().any(|(name, ..)| missing(name)) {
        return Ok(());
    }
    fs::create_dir_all(data).with_context(|| format!("cannot make the folder {}", data.display()))?;
    let unpacked = tempfile::tempdir_in(data).context("no room for the sample")?;
    tar::Archive::new(SAMPLE).unpack(unpacked.path()).context("the sample cannot be unpacked")?;
    for (name, title, kind) in samples.into_iter().filter(|(name, ..)| missing(name)) {
        let source = PackagedSource { folder: unpacked.path(), name, title, kind, replace: false };
        publish_packaged(data, &source)
            .with_context(|| format!("the stream `{name}` cannot be published"))?;
    }
    Ok(())
}
