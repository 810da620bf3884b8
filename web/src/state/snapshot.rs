//! The player's snapshot, as `www/player/types.ts` declares it.
//!
//! Left out: what no page shows. A word that this build does not know reads as the calmest one, so that a newer player never
//! breaks an older page.

use serde::Deserialize;

/// The edge node in this tab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// This browser runs none.
    Off,
    /// It waits for the first frame, or its module is on its way.
    #[default]
    Loading,
    /// It asks the relay who else is here.
    Connecting,
    /// It runs.
    Ready,
    /// It stopped; the video goes on.
    Failed,
}

/// The line to the relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelayLine {
    /// Being opened.
    Connecting,
    /// Open.
    Connected,
    /// Broken; being opened again.
    Lost,
    /// Not wanted.
    #[default]
    Off,
}

/// No peers; take from peers; give and take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// No peers.
    #[default]
    Off,
    /// Take from peers.
    Download,
    /// Give and take.
    Share,
}

impl Mode {
    /// The word of the player's API.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Off => "off",
            Mode::Download => "download",
            Mode::Share => "share",
        }
    }
}

/// Why sharing is what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The visitor was not asked, or has not answered.
    NoConsent,
    /// The connection costs by the byte.
    Metered,
    /// The battery runs low.
    Battery,
    /// The tab is out of sight and does not play.
    Hidden,
    /// Playback is paused.
    Paused,
    /// The visitor said no.
    Off,
    /// There is nobody to share with.
    FewViewers,
    /// It is what the visitor chose.
    #[default]
    #[serde(other)]
    Ok,
}

/// What was chosen, what is done, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SharingSnapshot {
    /// The visitor's answer.
    pub chosen: Mode,
    /// What the node does.
    pub effective: Mode,
    /// Why.
    pub reason: Reason,
    /// Most bits a second given to peers.
    pub(crate) upload_cap_bps: f64,
}

impl SharingSnapshot {
    /// Most bits a second given to peers.
    pub fn upload_cap_bps(&self) -> u64 {
        self.upload_cap_bps as u64
    }
}

/// Totals since the player started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bytes {
    /// From peers, verified.
    pub from_peers: u64,
    /// From the relay or another HTTP server.
    pub from_origin: u64,
    /// To peers.
    pub given: u64,
}

/// What was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Pieces {
    /// Hash and signature fit.
    pub verified: u64,
    /// They did not.
    pub rejected: u64,
}

/// One second of traffic, in bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficSecond {
    /// From peers.
    pub peers_bps: u64,
    /// From the relay or another HTTP server.
    pub origin_bps: u64,
}

/// How the video runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Playback {
    /// Seconds that can be played without loading.
    pub buffered_seconds: f64,
    /// Height of the picture, in pixels.
    pub height: u32,
    /// How often it waited for data.
    pub stalls: u32,
}

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PlayerError {
    /// Stable, to search for.
    pub code: String,
    /// In English.
    pub message: String,
}

/// Everything that a page shows about a player.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// The edge node in this tab.
    pub node: NodeState,
    /// The line to the relay.
    pub relay: RelayLine,
    /// The latest thing that a person should know.
    pub error: Option<PlayerError>,
    /// What was chosen, what is done, and why.
    pub sharing: SharingSnapshot,
    /// Viewers of the stream, as the relay reports them.
    pub viewers: u32,
    /// Open links to peers.
    pub peers: u32,
    /// Totals.
    pub bytes: Bytes,
    /// What was checked.
    pub pieces: Pieces,
    /// Peers that sent something wrong.
    pub banned_peers: u32,
    /// One entry a second, oldest first.
    pub history: Vec<TrafficSecond>,
    /// How the video runs.
    pub playback: Playback,
    /// Short fingerprint of this browser's account key.
    pub identity: Option<String>,
    /// When the last piece checked out, in milliseconds of Unix time.
    pub last_verified_at: Option<f64>,
}

/// One quality of the video.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Level {
    /// Height of the picture, in pixels.
    pub height: u32,
    /// Bits a second.
    pub bitrate: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARING: &str = r#"{
        "node": "ready", "relay": "connected", "error": null,
        "sharing": {"chosen": "share", "effective": "download", "reason": "few-viewers", "uploadCapBps": 2000000},
        "viewers": 3, "peers": 2,
        "bytes": {"fromPeers": 1048576, "fromOrigin": 65536, "given": 12, "rejected": 0},
        "pieces": {"verified": 17, "rejected": 0}, "bannedPeers": 0,
        "history": [{"t": 1764000000000, "peersBps": 8, "originBps": 9, "givenBps": 10}],
        "playback": {"positionSeconds": 4.5, "bufferedSeconds": 18.25, "height": 720, "stalls": 0, "live": false},
        "identity": null, "lastVerifiedAt": 1764000000000
    }"#;

    #[test]
    fn a_snapshot_of_the_player_is_read_whole() {
        let snapshot: Snapshot = serde_json::from_str(SHARING).unwrap();
        assert_eq!(snapshot.node, NodeState::Ready);
        assert_eq!(snapshot.sharing.effective, Mode::Download);
        assert_eq!(snapshot.sharing.reason, Reason::FewViewers);
        assert_eq!(snapshot.bytes.from_peers, 1_048_576);
        assert_eq!(snapshot.history, [TrafficSecond { peers_bps: 8, origin_bps: 9 }]);
        assert_eq!(snapshot.playback.buffered_seconds, 18.25);
    }

    #[test]
    fn a_reason_of_a_newer_player_is_no_reason_to_break() {
        let newer = SHARING.replace("few-viewers", "full-moon");
        let snapshot: Snapshot = serde_json::from_str(&newer).unwrap();
        assert_eq!(snapshot.sharing.reason, Reason::Ok);
    }
}
