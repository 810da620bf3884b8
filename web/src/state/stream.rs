//! Streams and relays, as the relay's API describes them.

use serde::Deserialize;

/// One stream: what a page shows of `GET /api/v1/streams/<name>`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Stream {
    /// Its name in addresses.
    pub name: String,
    /// Its title for people.
    pub title: String,
    /// Whether it is being made now.
    pub live: bool,
    /// How long it runs; `None` for live.
    pub duration_seconds: Option<f64>,
    /// 64 hexadecimal digits that name what is played.
    pub presentation: String,
    /// The key that signed it, 64 hexadecimal digits.
    pub publisher: String,
    /// Viewers, as the relay counts them.
    pub viewers: u32,
    /// Its qualities and languages.
    pub renditions: Vec<Rendition>,
}

/// One rendition of a stream.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Rendition {
    /// Height of the picture; none or 0 for sound.
    pub height: Option<u32>,
}

impl Stream {
    /// Where the app plays it.
    pub fn watch_path(&self) -> String {
        format!("/watch/{}", self.name)
    }

    /// Height of its best picture.
    pub fn best_height(&self) -> Option<u32> {
        self.renditions.iter().filter_map(|rendition| rendition.height).max().filter(|height| *height > 0)
    }

    /// Bars of a picture that only this stream has: one for each byte of its presentation.
    pub fn fingerprint(&self) -> Vec<u32> {
        let digits: Vec<u32> = self.presentation.chars().filter_map(|digit| digit.to_digit(16)).collect();
        digits.chunks_exact(2).map(|pair| pair[0] * 16 + pair[1]).collect()
    }
}

/// Which stream a newcomer is sent to: the one with the most viewers, and of equals the one on demand, which starts at its beginning.
pub fn first_to_watch(streams: &[Stream]) -> Option<&Stream> {
    streams.iter().min_by_key(|stream| (core::cmp::Reverse(stream.viewers), stream.live))
}

/// The list that `GET /api/v1/streams` gives.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct StreamList {
    /// In order of their names.
    pub streams: Vec<Stream>,
}

/// What a page shows of `GET /api/v1/relay`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Relay {
    /// Its build.
    pub version: String,
    /// Its identity on the network.
    pub peer_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(name: &str, live: bool, viewers: u32) -> Stream {
        Stream {
            name: name.into(),
            title: name.into(),
            live,
            duration_seconds: None,
            presentation: "00ff80".into(),
            publisher: String::new(),
            viewers,
            renditions: vec![Rendition { height: Some(0) }, Rendition { height: Some(720) }],
        }
    }

    #[test]
    fn the_relays_description_of_a_stream_is_read() {
        let text = r#"{"name": "sample", "title": "Sample", "live": false, "duration_seconds": 120.0, "presentation": "00",
            "publisher": "ab", "media_base": "/media/sample/", "playlist": "/media/sample/master.m3u8", "viewers": 2,
            "renditions": [{"id": 0, "type": "video", "width": 640, "height": 360, "bandwidth_bps": 800000, "codecs": "avc1"},
                           {"id": 1, "type": "audio", "width": null, "height": null, "bandwidth_bps": 64000, "codecs": "mp4a"}]}"#;
        let stream: Stream = serde_json::from_str(text).unwrap();
        assert_eq!(stream.watch_path(), "/watch/sample");
        assert_eq!(stream.best_height(), Some(360));
    }

    #[test]
    fn a_newcomer_is_sent_where_the_viewers_are() {
        let streams = [stream("live", true, 1), stream("film", false, 1), stream("quiet", false, 0)];
        assert_eq!(first_to_watch(&streams).map(|stream| stream.name.as_str()), Some("film"));
        assert_eq!(first_to_watch(&[]), None);
    }

    #[test]
    fn a_fingerprint_has_a_bar_for_each_byte() {
        let bars = stream("film", false, 0).fingerprint();
        assert_eq!(bars, [0, 255, 128]);
    }
}
