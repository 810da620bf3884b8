use std::time::Duration;

use m3u8_rs::MediaPlaylist;

pub(crate) const MAX_PLAYLIST_SIZE_BYTES: usize = 4 * 1024 * 1024;

/// The segments of one rendition that a playlist names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playlist {
    /// In order of their sequence numbers, without a gap.
    pub segments: Vec<PlaylistSegment>,
    /// Whether no more segments will come.
    pub is_ended: bool,
}

/// One media segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaylistSegment {
    /// Its media sequence number.
    pub sequence: u64,
    /// How long it plays.
    pub duration: Duration,
}

impl Playlist {
    /// Reads a media playlist; `None` for anything else.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Playlist> {
        let (_, playlist): (_, MediaPlaylist) = m3u8_rs::parse_media_playlist(bytes).ok()?;
        let segments = (playlist.media_sequence..).zip(&playlist.segments).map(|(sequence, segment)| {
            let duration = Duration::try_from_secs_f32(segment.duration).unwrap_or_default();
            PlaylistSegment { sequence, duration }
        });
        Some(Playlist { segments: segments.collect(), is_ended: playlist.end_list })
    }

    /// The segment with this number.
    pub fn segment(&self, sequence: u64) -> Option<PlaylistSegment> {
        let first = self.segments.first()?.sequence;
        self.segments.get(usize::try_from(sequence.checked_sub(first)?).ok()?).copied()
    }

    /// The number of the last segment.
    pub fn last_sequence(&self) -> Option<u64> {
        self.segments.last().map(|segment| segment.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_numbered_from_the_media_sequence() {
        let text = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:4.0,\n7.m4s\n#EXTINF:2.5,\n8.m4s\n";
        let playlist = Playlist::parse(text.as_bytes()).unwrap();
        assert_eq!(playlist.last_sequence(), Some(8));
        assert_eq!(playlist.segment(8).unwrap().duration, Duration::from_millis(2500));
        assert_eq!((playlist.segment(6), playlist.segment(9)), (None, None));
        assert!(!playlist.is_ended);
        assert_eq!(Playlist::parse(b"<html>"), None);
    }
}
