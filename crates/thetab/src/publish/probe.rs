//! What ffprobe says about a file.

use std::{io, path::Path, process::Stdio};

use serde::Deserialize;
use tokio::process::Command;

use super::PublishError;

/// Only local files: a playlist inside a file cannot make ffmpeg open addresses.
pub(super) const PROTOCOLS: &str = "file,crypto,data";

/// What matters of a source.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SourceMedia {
    /// Picture width as shown, in square pixels.
    pub(super) width: u32,
    /// Picture height as shown.
    pub(super) height: u32,
    /// Frames a second, as ffmpeg writes it.
    pub(super) frame_rate: Rational,
    /// Playing time of the picture, in seconds.
    pub(super) duration_seconds: f64,
    /// Whether there is sound.
    pub(super) has_audio: bool,
}

/// A fraction such as 30000/1001.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rational {
    pub(super) numerator: u32,
    pub(super) denominator: u32,
}

impl Rational {
    pub(super) fn value(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }

    /// Reads `a/b` or `a:b`; `None` for what is no positive number.
    fn parse(text: &str) -> Option<Rational> {
        let (numerator, denominator) = text.split_once(['/', ':'])?;
        let rational =
            Rational { numerator: numerator.parse().ok()?, denominator: denominator.parse().ok()? };
        (rational.numerator > 0 && rational.denominator > 0).then_some(rational)
    }
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Default, Deserialize)]
struct Format {
    duration: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stream {
    codec_type: String,
    width: u32,
    height: u32,
    sample_aspect_ratio: String,
    avg_frame_rate: String,
    r_frame_rate: String,
    duration: Option<String>,
    disposition: Disposition,
    side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Disposition {
    attached_pic: u8,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SideData {
    rotation: f64,
}

/// Asks ffprobe about `path`.
///
/// # Errors
/// [`PublishError`] when it cannot be opened, holds no picture, or has no known length.
pub(super) async fn probe(path: &Path) -> Result<SourceMedia, PublishError> {
    let opened = std::fs::File::open(path).and_then(|file| file.metadata());
    let metadata = opened.map_err(|source| PublishError::Open { path: path.to_path_buf(), source })?;
    if !metadata.is_file() {
        let problem = "it is not a file; use --packaged for a folder that is already packaged";
        return Err(PublishError::unsupported(path, problem));
    }
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-protocol_whitelist",
            PROTOCOLS,
            "-of",
            "json",
            "-show_streams",
            "-show_format",
        ])
        .arg(file_argument(path)?)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| start_error("ffprobe", error))?;
    if !output.status.success() {
        let reason = last_line(&output.stderr);
        let problem = format!("it is broken, or no video that ffmpeg knows ({reason})");
        return Err(PublishError::unsupported(path, problem));
    }
    read(&output.stdout).map_err(|problem| PublishError::unsupported(path, problem))
}

fn read(answer: &[u8]) -> Result<SourceMedia, String> {
    let answer: Answer = serde_json::from_slice(answer)
        .map_err(|error| format!("ffprobe's answer is not understood: {error}"))?;
    let is_picture = |stream: &&Stream| stream.codec_type == "video" && stream.disposition.attached_pic == 0;
    let picture = answer.streams.iter().find(is_picture).ok_or("it holds no moving picture")?;
    let (width, height) = shown_size(picture);
    let seconds =
        |text: &Option<String>| text.as_ref()?.parse::<f64>().ok().filter(|value| value.is_finite());
    let duration_seconds = seconds(&picture.duration).or_else(|| seconds(&answer.format.duration));
    let duration_seconds =
        duration_seconds.ok_or("its length is unknown; it may be cut off or a still picture")?;
    if duration_seconds < 1.0 {
        return Err("it is shorter than one second".to_owned());
    }
    let rate = Rational::parse(&picture.avg_frame_rate).or_else(|| Rational::parse(&picture.r_frame_rate));
    let rate = rate.unwrap_or(Rational { numerator: 30, denominator: 1 });
    let frame_rate = if rate.value() > 60.0 { Rational { numerator: 60, denominator: 1 } } else { rate };
    let has_audio = answer.streams.iter().any(|stream| stream.codec_type == "audio");
    Ok(SourceMedia { width, height, frame_rate, duration_seconds, has_audio })
}

/// The picture's size in square pixels, turned the way players turn it.
fn shown_size(picture: &Stream) -> (u32, u32) {
    let stretch = Rational::parse(&picture.sample_aspect_ratio).map_or(1.0, Rational::value);
    let width = (f64::from(picture.width) * stretch).round() as u32;
    let quarter_turned =
        picture.side_data_list.iter().any(|side| (side.rotation.abs() % 180.0 - 90.0).abs() < 1.0);
    if quarter_turned { (picture.height, width) } else { (width, picture.height) }
}

/// `path` as ffmpeg takes it for a file whatever its name is.
pub(super) fn file_argument(path: &Path) -> Result<std::ffi::OsString, PublishError> {
    let absolute = std::path::absolute(path)
        .map_err(|source| PublishError::Open { path: path.to_path_buf(), source })?;
    let mut argument = std::ffi::OsString::from("file:");
    argument.push(absolute);
    Ok(argument)
}

pub(super) fn start_error(program: &'static str, error: io::Error) -> PublishError {
    if error.kind() == io::ErrorKind::NotFound {
        PublishError::Missing { program }
    } else {
        PublishError::Io { what: format!("{program} cannot be started"), source: error }
    }
}

/// The last line that a program said, at most 300 characters of it.
pub(super) fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line =
        text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it did not say why");
    line.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turned_and_stretched_pictures_have_the_size_that_is_shown() {
        let answer =
            br#"{"streams":[{"codec_type":"video","width":720,"height":576,"sample_aspect_ratio":"16:15",
            "avg_frame_rate":"25/1","side_data_list":[{"rotation":-90}],"tags":{}},{"codec_type":"audio"}],
            "format":{"duration":"12.5"}}"#;
        let rate = Rational { numerator: 25, denominator: 1 };
        let expected = SourceMedia {
            width: 576,
            height: 768,
            frame_rate: rate,
            duration_seconds: 12.5,
            has_audio: true,
        };
        assert_eq!(read(answer), Ok(expected));
    }

    #[test]
    fn a_song_with_a_cover_holds_no_moving_picture() {
        let answer = br#"{"streams":[{"codec_type":"audio"},{"codec_type":"video","width":9,"height":9,
            "disposition":{"attached_pic":1}}],"format":{"duration":"100"}}"#;
        assert_eq!(read(answer), Err("it holds no moving picture".to_owned()));
    }
}
