use std::str::FromStr;

use serde::{Deserialize, Deserializer, de::Error as _};
use thetab_wire::{PresentationId, PublisherKey};

/// What a relay says about one of its streams.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct StreamInfo {
    /// Its name in URLs.
    pub name: String,
    /// Its title for people.
    pub title: String,
    /// Whether new segments keep appearing.
    pub live: bool,
    /// Its length, unless it is live.
    pub duration_seconds: Option<f64>,
    /// Its name among nodes.
    #[serde(deserialize_with = "from_text")]
    pub presentation: PresentationId,
    /// Whose records and tickets count.
    #[serde(deserialize_with = "from_text")]
    pub publisher: PublisherKey,
    /// Every rendition, video and audio.
    pub renditions: Vec<RenditionInfo>,
    /// Where its media is, relative to the relay.
    pub(crate) media_base: String,
}

/// One rendition of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RenditionInfo {
    /// Its index.
    pub id: u16,
    /// `video` or `audio`.
    #[serde(rename = "type")]
    pub media: String,
    /// Bits a second; zero where nobody said.
    pub bandwidth_bps: u64,
}

fn from_text<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().or(Err(D::Error::custom("64 hexadecimal digits are expected")))
}
