//! `thetab publish`

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::publish::{PublishError, PublishOptions, Published, Source, publish};

pub(super) const EXAMPLES: &str = "\
Examples:
  thetab publish talk.mp4                        a ladder at 4 s segments, called `talk`
  thetab publish talk.mp4 --name keynote --title \"The keynote\"
  thetab publish --loop intermission.mp4         an endless live stream
  thetab publish --packaged talk.tar             a packaged CMAF HLS folder or .tar; needs no ffmpeg

A packaged stream holds master.m3u8 and r0/, r1/, …, each with index.m3u8, init.mp4 and 0.m4s, 1.m4s, ….
A relay that is running on the same data folder serves the new stream at once.";

#[derive(Debug, Args)]
pub(crate) struct PublishArguments {
    /// The video file, or with --packaged a folder or .tar.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Name in URLs: 1 to 64 of a-z, 0-9 and - [default: from the file's name].
    #[arg(long)]
    name: Option<String>,
    /// Title for people [default: the file's name].
    #[arg(long)]
    title: Option<String>,
    /// Play the file over and over as a live stream.
    #[arg(long = "loop")]
    looped: bool,
    /// FILE is already packaged as CMAF HLS.
    #[arg(long)]
    packaged: bool,
    /// Replace a stream of the same name.
    #[arg(long)]
    replace: bool,
    /// Length of a segment in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = ["2", "4"])]
    segment: String,
    /// Folder of keys and streams: the relay's, or .thetab for `thetab up`.
    #[arg(long, value_name = "FOLDER", env = "THETAB_DATA", default_value = "thetab-data")]
    data: PathBuf,
    /// Where viewers reach the relay; only for the lines printed at the end.
    #[arg(long, value_name = "URL", default_value = "http://localhost:8080")]
    url: String,
}

pub(crate) fn run(arguments: &PublishArguments) -> anyhow::Result<()> {
    let stem = arguments.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let path = arguments.file.clone();
    let segment_seconds = if arguments.segment == "2" { 2 } else { 4 };
    let options = PublishOptions {
        data: arguments.data.clone(),
        source: if arguments.packaged {
            Source::Packaged { path }
        } else {
            Source::File { path, segment_seconds }
        },
        name: arguments.name.clone().unwrap_or_else(|| name_of(&stem)),
        title: arguments.title.clone().unwrap_or(stem),
        looped: arguments.looped,
        replace: arguments.replace,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let published = runtime.block_on(unless_stopped(publish(options)))?;
    let url = arguments.url.trim_end_matches('/');
    writeln!(io::stdout(), "{}", summary(&published, url))?;
    Ok(())
}

/// Drops `publishing`, which then cleans up after itself, when the person gives up.
async fn unless_stopped(
    publishing: impl Future<Output = Result<Published, PublishError>>,
) -> anyhow::Result<Published> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        // What is published already cannot be given up any more.
        biased;
        published = publishing => Ok(published?),
        _ = interrupt.recv() => anyhow::bail!("stopped; nothing was published"),
        _ = terminate.recv() => anyhow::bail!("stopped; nothing was published"),
    }
}

fn summary(published: &Published, url: &str) -> String {
    let Published { name, manifest } = published;
    let heights: Vec<String> = manifest
        .renditions
        .iter()
        .filter(|rendition| rendition.height > 0)
        .map(|rendition| format!("{}p", rendition.height))
        .collect();
    let what = if manifest.is_live() { "looping live" } else { "video" };
    let seconds = manifest.duration_ms().div_ceil(1000);
    format!(
        "Published `{name}`: {what}, {seconds} s, {}\n\n\
         Watch:  {url}/watch/{name}\n\
         Embed:  <iframe src=\"{url}/embed/{name}\" allow=\"autoplay; fullscreen; picture-in-picture\" \
         width=\"640\" height=\"360\" style=\"border:0\"></iframe>",
        heights.join(" + "),
    )
}

/// The name that a file's stem makes: what is not allowed becomes `-`.
fn name_of(stem: &str) -> String {
    let mut name = String::new();
    for letter in stem.chars().map(|letter| letter.to_ascii_lowercase()) {
        if letter.is_ascii_lowercase() || letter.is_ascii_digit() {
            name.push(letter);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(64);
    let name = name.trim_end_matches('-');
    if name.is_empty() { "stream".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_name_makes_a_stream_name() {
        assert_eq!(name_of("My Talk (final) v2"), "my-talk-final-v2");
        assert_eq!(name_of("événement"), "v-nement");
        assert_eq!(name_of("日本"), "stream");
        assert_eq!(name_of(&"a b".repeat(60)).len(), 64);
    }
}
