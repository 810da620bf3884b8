//! What a page shows, as plain data.

use serde::Serialize;
use thetab_node::{ModeReason, NodeSnapshot, RelayState, SharingMode};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** No peers; take from peers; give and take. */
export type SharingMode = "off" | "download" | "share";

/** Everything that a page shows about a node. */
export interface NodeSnapshot {
  /** `null`: never asked. */
  chosen: SharingMode | null;
  effective: SharingMode;
  reason: "ok" | "no-consent" | "metered" | "battery" | "hidden" | "paused" | "off" | "few-viewers";
  relay: "connecting" | "connected" | "lost" | "off";
  viewers: number;
  peers: number;
  /** Bytes that verified. */
  peerBytes: number;
  originBytes: number;
  givenBytes: number;
  rejectedBytes: number;
  duplicateBytes: number;
  storedBytes: number;
  verifiedPieces: number;
  rejectedPieces: number;
  bannedPeers: number;
  /** Media bytes that the node itself read from the origin, and for how long it was reading. */
  fetchedBytes: number;
  fetchedMs: number;
  /** Unix time in milliseconds. */
  lastVerifiedAt: number | null;
  /** Short fingerprint of the account key. */
  identity: string | null;
}

/** A segment whose every piece verified. */
export interface LoadedSegment {
  data: ArrayBuffer;
  peerBytes: number;
  originBytes: number;
  /** Whether all of it was there when it was asked for. */
  wasStored: boolean;
}
"#;

/// What the host adds to the node's own snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HostFacts {
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

/// The page's object.
pub(crate) fn shown(snapshot: &NodeSnapshot, facts: &HostFacts) -> JsValue {
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
        fetched_bytes: facts.fetched_bytes as f64,
        fetched_ms: facts.fetched_ms,
        last_verified_at: facts.last_verified_at,
        identity: facts.identity.as_deref(),
    };
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_missing_as_null(true);
    shown.serialize(&serializer).expect("numbers and text become plain data")
}

/// The word for a mode.
pub(crate) fn mode(mode: SharingMode) -> &'static str {
    match mode {
        SharingMode::Off => "off",
        SharingMode::Download => "download",
        SharingMode::Share => "share",
    }
}

fn reason(snapshot: &NodeSnapshot) -> &'static str {
    match snapshot.reason {
        ModeReason::Chosen if snapshot.chosen == Some(SharingMode::Off) => "off",
        ModeReason::NoConsent => "no-consent",
        ModeReason::Metered => "metered",
        ModeReason::Battery => "battery",
        ModeReason::Hidden => "hidden",
        ModeReason::Paused => "paused",
        ModeReason::FewViewers => "few-viewers",
        // `Chosen`, and whatever a later node may say in its favour.
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
