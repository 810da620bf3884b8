//! A stored presentation played over and over as a live stream, computed from the clock.
//!
//! Nothing runs between requests, and a restarted relay goes on where the clock is. Sequence `n` is
//! stored segment `n mod count`; a discontinuity stands at each wrap.

use std::fmt::Write as _;

use crate::store::{Kind, Manifest, Rendition};

/// Segments in the sliding window of a live playlist.
pub(crate) const WINDOW_SEGMENTS: u64 = 15;

/// What of a looped presentation exists at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// First media sequence in the playlist.
    pub(crate) first: u64,
    /// Last media sequence that exists.
    pub(crate) last: u64,
    /// Segments in one pass.
    pub(crate) count: u64,
}

/// The window of `manifest` at `now_unix_ms`; `None` for VOD, and before the first segment is complete.
pub(crate) fn window(manifest: &Manifest, now_unix_ms: u64) -> Option<Window> {
    let Kind::Loop { started_unix_ms } = manifest.kind else { return None };
    let durations = &manifest.renditions.first()?.segment_durations_ms;
    let (count, pass_ms) = (durations.len() as u64, manifest.duration_ms());
    let elapsed_ms = now_unix_ms.checked_sub(started_unix_ms)?;
    let into_pass_ms = elapsed_ms % pass_ms;
    let complete_in_pass = durations
        .iter()
        .scan(0u64, |end, duration| {
            *end += u64::from(*duration);
            Some(*end)
        })
        .take_while(|end| *end <= into_pass_ms)
        .count() as u64;
    let complete = (elapsed_ms / pass_ms).saturating_mul(count).saturating_add(complete_in_pass);
    let last = complete.checked_sub(1)?;
    Some(Window { first: complete.saturating_sub(WINDOW_SEGMENTS), last, count })
}

/// The media playlist of one rendition at a moment.
pub(crate) fn playlist(rendition: &Rendition, window: Window) -> String {
    let durations = &rendition.segment_durations_ms;
    let target_seconds = durations.iter().max().copied().unwrap_or(0).div_ceil(1000);
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target_seconds}\n#EXT-X-MEDIA-SEQUENCE:{}\n\
         #EXT-X-DISCONTINUITY-SEQUENCE:{}\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"init.mp4\"\n",
        window.first,
        window.first.saturating_sub(1) / window.count,
    );
    for sequence in window.first..=window.last {
        let index = sequence % window.count;
        if index == 0 && sequence > 0 {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        let duration_ms = durations.get(index as usize).copied().unwrap_or(0);
        let line =
            write!(text, "#EXTINF:{}.{:03},\n{sequence}.m4s\n", duration_ms / 1000, duration_ms % 1000);
        line.expect("writing to a string cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Media;

    fn looped(durations: &[u32]) -> Manifest {
        let rendition = Rendition {
            id: 0,
            media: Media::Video,
            width: 640,
            height: 360,
            bandwidth_bps: 1,
            codecs: String::new(),
            segment_durations_ms: durations.to_vec(),
        };
        Manifest {
            title: "t".into(),
            kind: Kind::Loop { started_unix_ms: 1_000 },
            renditions: vec![rendition],
        }
    }

    #[test]
    fn a_segment_exists_once_it_is_complete_and_the_window_slides() {
        let manifest = looped(&[4000, 4000, 2000]);
        assert_eq!(window(&manifest, 999), None);
        assert_eq!(window(&manifest, 4_999), None);
        assert_eq!(window(&manifest, 5_000), Some(Window { first: 0, last: 0, count: 3 }));
        assert_eq!(window(&manifest, 11_000), Some(Window { first: 0, last: 2, count: 3 }));
        assert_eq!(window(&manifest, 1_000 + 100_000), Some(Window { first: 15, last: 29, count: 3 }));
    }

    #[test]
    fn a_clock_that_is_far_off_gives_a_window_too() {
        let mut manifest = looped(&[1, 0, 0]);
        manifest.kind = Kind::Loop { started_unix_ms: 0 };
        let window = window(&manifest, u64::MAX).unwrap();
        assert_eq!(playlist(&manifest.renditions[0], window).matches(".m4s").count(), 15);
    }

    #[test]
    fn discontinuities_are_counted_on_from_the_ones_that_left_the_window() {
        let manifest = looped(&[4000, 4000, 2000]);
        let rendition = &manifest.renditions[0];
        let mut counted = None;
        for now in (5_000..300_000).step_by(500) {
            let window = window(&manifest, now).unwrap();
            let text = playlist(rendition, window);
            let before: u64 = text
                .split("#EXT-X-DISCONTINUITY-SEQUENCE:")
                .nth(1)
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .parse()
                .unwrap();
            let within = text.matches("#EXT-X-DISCONTINUITY\n").count() as u64;
            assert_eq!(before + within, window.last / window.count, "{text}");
            assert!(counted.is_none_or(|last| before >= last));
            counted = Some(before);
        }
    }
}
