//! The readers of strangers' bytes, each by itself, for fuzzing.

use std::net::{IpAddr, SocketAddr};

use crate::{
    store::{Manifest, Rendition},
    {limits, live, origin, packaged, stun},
};

pub use crate::media_path::{MediaFile, MediaPath};

/// The answer to a datagram on the STUN port, if it deserves one.
pub fn stun_answer(datagram: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    stun::answer(datagram, from)
}

/// The client that a reverse proxy names in `X-Forwarded-For`.
pub fn forwarded_client(header: &[u8]) -> Option<IpAddr> {
    limits::forwarded_client(header)
}

/// Whether an `If-None-Match` names `etag`.
pub fn matches_etag(header: &[u8], etag: &str) -> bool {
    origin::matches_etag(header, etag)
}

/// The renditions that a master playlist names.
///
/// # Errors
/// What is wrong with it.
pub fn master_playlist(bytes: &[u8]) -> Result<Vec<Rendition>, String> {
    packaged::read_master(bytes)
}

/// The playing times of a media playlist's segments, in milliseconds.
///
/// # Errors
/// What is wrong with it.
pub fn media_playlist(bytes: &[u8]) -> Result<Vec<u32>, String> {
    packaged::read_media(bytes)
}

/// The live playlist of the first rendition of a looped stream at a moment; `None` before there is one.
pub fn live_playlist(manifest: &Manifest, now_unix_ms: u64) -> Option<String> {
    let window = live::window(manifest, now_unix_ms)?;
    Some(live::playlist(manifest.renditions.first()?, window))
}
