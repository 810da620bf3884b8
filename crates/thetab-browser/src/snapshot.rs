use serde::Serialize;
use thetab_node::{ModeReason, NodeSnapshot, RelayState, SharingMode};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** No peers; take from peers; give and take. */
export type SharingMode = "off" | "download" | "share";

/** Everything that a page shows about a node. Given at most four times a second, and when something changed. */
export interface NodeSnapshot {
  /** What the visitor chose; `null` until answered. */
  chosen: SharingMode | null;
  /** What the node does. */
  effective: SharingMode;
  /** Why. */
  reason: "ok" | "no-consent" | "metered" | "battery" | "hidden" | "paused" | "off" | "few-viewers";
  /** The line to the relay. */
  relay: "connecting" | "connected" | "lost" | "off";
  /** Viewers of the presentation, as the relay says. */
  viewers: number;
  /** Open links to peers. */
  peers: number;
  /** Bytes from peers that verified. */
  peerBytes: number;
  /** Bytes from the origin that verified, segments that the player fetched among them. */
  originBytes: number;
  /** Bytes given to peers. */
  givenBytes: number;
  /** Bytes thrown away because they did not verify. */
  rejectedBytes: number;
  /** Bytes received more than once. */
  duplicateBytes: number;
  /** Bytes in memory. */
  storedBytes: number;
  verifiedPieces: number;
  rejectedPieces: number;
  bannedPeers: number;
  /** Media bytes that the node itself read from the origin. */
  fetchedBytes: number;
  /** How long it was reading. */
  fetchedMs: number;
  /** When the last piece checked out, in milliseconds of Unix time. */
  lastVerifiedAt: number | null;
  /** Short fingerprint of the persistent account key. */
  identity: string | null;
}
"#;

/// What the host adds to what the node shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    pub(crate) fetched_bytes: u64,
    pub(crate) fetched_ms: f64,
    pub(crate) last_verified_at: Option<f64>,
    pub(crate) identity: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    chosen: Option<&'static str>,
    effective: &'static str,
    reason: &'static str,
    relay: &'static str,
    viewers: u32,
    peers: u32,
    peer_bytes: f64,
    origin_bytes: f64,
    given_bytes: f64,
    rejected_bytes: f64,
    duplicate_bytes: f64,
    stored_bytes: f64,
    verified_pieces: f64,
    rejected_pieces: f64,
    banned_peers: f64,
    fetched_bytes: f64,
    fetched_ms: f64,
    last_verified_at: Option<f64>,
    identity: Option<&'a str>,
}

/// The object that the page gets.
pub(crate) fn to_object(snapshot: &NodeSnapshot, extras: &Extras) -> JsValue {
    let stats = &snapshot.stats;
    let shown = Shown {
        chosen: snapshot.chosen.map(mode),
        effective: mode(snapshot.effective),
        reason: reason(snapshot),
        relay: relay(snapshot.relay),
        viewers: snapshot.viewers,
        peers: stats.links,
        peer_bytes: stats.peer_bytes as f64,
        origin_bytes: stats.origin_bytes as f64,
        given_bytes: stats.given_bytes as f64,
        rejected_bytes: stats.rejected_bytes as f64,
        duplicate_bytes: stats.duplicate_bytes as f64,
        stored_bytes: stats.stored_bytes as f64,
        verified_pieces: stats.verified_pieces as f64,
        rejected_pieces: stats.rejected_pieces as f64,
        banned_peers: stats.banned_peers as f64,
        fetched_bytes: extras.fetched_bytes as f64,
        fetched_ms: extras.fetched_ms,
        last_verified_at: extras.last_verified_at,
        identity: extras.identity.as_deref(),
    };
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_missing_as_null(true);
    shown.serialize(&serializer).expect("strings and numbers become an object")
}

fn mode(mode: SharingMode) -> &'static str {
    match mode {
        SharingMode::Off => "off",
        SharingMode::Download => "download",
        SharingMode::Share => "share",
    }
}

fn reason(snapshot: &NodeSnapshot) -> &'static str {
    match snapshot.reason {
        ModeReason::NoConsent => "no-consent",
        ModeReason::Metered => "metered",
        ModeReason::Battery => "battery",
        ModeReason::Hidden => "hidden",
        ModeReason::Paused => "paused",
        ModeReason::FewViewers => "few-viewers",
        // As chosen; a reason that is newer than this host has no word of its own either.
        _ if snapshot.effective == SharingMode::Off => "off",
        _ => "ok",
    }
}

fn relay(state: RelayState) -> &'static str {
    match state {
        RelayState::Off => "off",
        RelayState::Connecting => "connecting",
        RelayState::Connected => "connected",
        RelayState::Lost => "lost",
    }
}
