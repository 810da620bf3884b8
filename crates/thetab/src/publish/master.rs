//! Evens out the renditions that ffmpeg wrote and describes them in a master playlist.

use std::{fmt::Write as _, fs, path::Path};

use super::{PublishError, ladder::Ladder};

/// A source whose picture ends before this share of its length is damaged.
const LEAST_SHARE: f64 = 0.9;
/// A shorter gap at the end is a matter of frames.
const LEAST_GAP_SECONDS: f64 = 0.5;

/// One rendition as written.
#[derive(Clone, Debug, Default, PartialEq)]
struct Written {
    durations_seconds: Vec<f64>,
    peak_bps: u64,
    average_bps: u64,
    codec: String,
}

/// Cuts every rendition to the same number of segments and writes `master.m3u8` into `root`.
///
/// # Errors
/// [`PublishError::Unsupported`] when the picture ends early: the source is damaged.
pub(super) fn write(path: &Path, ladder: &Ladder, root: &Path) -> Result<(), PublishError> {
    let unreadable = |error: std::io::Error| PublishError::Io {
        what: format!("what ffmpeg wrote to {} cannot be used", root.display()),
        source: error,
    };
    let durations = (0..ladder.rendition_count())
        .map(|id| read_durations(&Ladder::folder(root, id)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    let count = durations.iter().map(Vec::len).min().unwrap_or(0);
    check_length(path, ladder, durations.first().map_or(&[], Vec::as_slice))?;
    let mut renditions = Vec::new();
    for id in 0..ladder.rendition_count() {
        let folder = Ladder::folder(root, id);
        cut_to(&folder, count).map_err(unreadable)?;
        renditions.push(measure(&folder).map_err(unreadable)?);
    }
    fs::write(root.join("master.m3u8"), master(ladder, &renditions)).map_err(unreadable)
}

/// Whether the picture goes on to about where the file says that it ends.
fn check_length(path: &Path, ladder: &Ladder, written_seconds: &[f64]) -> Result<(), PublishError> {
    let (written, expected) = (written_seconds.iter().sum::<f64>(), ladder.duration_seconds);
    if written_seconds.is_empty() || written < (expected * LEAST_SHARE).min(expected - LEAST_GAP_SECONDS) {
        let problem = format!("its picture ends after {written:.1} of {expected:.1} s; the file is damaged");
        return Err(PublishError::unsupported(path, problem));
    }
    Ok(())
}

fn read_durations(folder: &Path) -> Result<Vec<f64>, std::io::Error> {
    let playlist = fs::read_to_string(folder.join("index.m3u8"))?;
    let durations = playlist.lines().filter_map(|line| line.strip_prefix("#EXTINF:"));
    Ok(durations.filter_map(|duration| duration.trim_end_matches(',').parse().ok()).collect())
}

/// Drops what stands after the first `count` segments: a sound that ends a frame after the picture.
fn cut_to(folder: &Path, count: usize) -> Result<(), std::io::Error> {
    let path = folder.join("index.m3u8");
    let playlist = fs::read_to_string(&path)?;
    let (mut kept, mut seen) = (String::new(), 0);
    for line in playlist.lines() {
        let is_segment = line.ends_with(".m4s");
        let is_over = seen >= count;
        if is_over && is_segment {
            fs::remove_file(folder.join(line))?;
        }
        if !is_over || !(is_segment || line.starts_with("#EXTINF:")) {
            kept.push_str(line);
            kept.push('\n');
        }
        seen += usize::from(is_segment);
    }
    fs::write(&path, kept)
}

fn measure(folder: &Path) -> Result<Written, std::io::Error> {
    let durations_seconds = read_durations(folder)?;
    let (mut peak_bps, mut bits) = (0, 0);
    for (sequence, duration) in durations_seconds.iter().enumerate() {
        let segment_bits = fs::metadata(folder.join(format!("{sequence}.m4s")))?.len() * 8;
        bits += segment_bits;
        // A last segment of a few frames says nothing about the rate.
        if *duration >= 0.5 || sequence == 0 {
            peak_bps = peak_bps.max((segment_bits as f64 / duration.max(0.1)) as u64);
        }
    }
    let seconds: f64 = durations_seconds.iter().sum();
    let average_bps = (bits as f64 / seconds.max(0.1)) as u64;
    let codec = avc_codec(&fs::read(folder.join("init.mp4"))?).unwrap_or_else(|| "mp4a.40.2".to_owned());
    Ok(Written { durations_seconds, peak_bps, average_bps, codec })
}

/// The RFC 6381 name of the H.264 in an initialisation section: profile, constraints and level of its `avcC`.
fn avc_codec(init: &[u8]) -> Option<String> {
    let at = init.windows(4).position(|window| window == b"avcC")?;
    let [_version, profile, constraints, level] = *init.get(at + 4..at + 8)? else { return None };
    Some(format!("avc1.{profile:02x}{constraints:02x}{level:02x}"))
}

fn master(ladder: &Ladder, renditions: &[Written]) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let audio = ladder.audio_id().and_then(|id| Some((id, renditions.get(id)?)));
    if let Some((id, _)) = audio {
        text.push_str(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,",
        );
        append(&mut text, format_args!("CHANNELS=\"2\",URI=\"r{id}/index.m3u8\"\n"));
    }
    for (id, (rung, video)) in ladder.video.iter().zip(renditions).enumerate() {
        let (peak, average, codecs, group) = match audio {
            Some((_, audio)) => (
                video.peak_bps + audio.peak_bps,
                video.average_bps + audio.average_bps,
                format!("{},{}", video.codec, audio.codec),
                ",AUDIO=\"audio\"",
            ),
            None => (video.peak_bps, video.average_bps, video.codec.clone(), ""),
        };
        let (width, height, rate) = (rung.width, rung.height, ladder.frame_rate.value());
        append(
            &mut text,
            format_args!(
                "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},RESOLUTION={width}x{height},\
                 FRAME-RATE={rate:.3},CODECS=\"{codecs}\"{group}\nr{id}/index.m3u8\n"
            ),
        );
    }
    text
}

fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rendition_is_cut_to_a_number_of_segments_and_keeps_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let playlist = "#EXTM3U\n#EXTINF:4.0,\n0.m4s\n#EXTINF:0.02,\n1.m4s\n#EXT-X-ENDLIST\n";
        fs::write(folder.path().join("index.m3u8"), playlist).unwrap();
        for name in ["0.m4s", "1.m4s"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        cut_to(folder.path(), 1).unwrap();
        let cut = fs::read_to_string(folder.path().join("index.m3u8")).unwrap();
        assert_eq!(cut, "#EXTM3U\n#EXTINF:4.0,\n0.m4s\n#EXT-X-ENDLIST\n");
        assert!(!folder.path().join("1.m4s").exists());
    }

    #[test]
    fn the_codec_is_read_from_the_decoder_configuration() {
        assert_eq!(avc_codec(b"....avcC\x01\x64\x00\x1f\xff").as_deref(), Some("avc1.64001f"));
        assert_eq!(avc_codec(b"....avcC\x01\x64"), None);
        assert_eq!(avc_codec(b"mp4a"), None);
    }
}
