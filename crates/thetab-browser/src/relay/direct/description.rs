use libp2p_webrtc_utils::Fingerprint;

/// `offer` under an ICE name of our own: the server answers whoever comes with one, and takes it as the password
/// as well.
pub(super) fn rename(offer: &str, name: &str) -> String {
    let rename = |line: &str| match line.split_once(':') {
        Some((attribute @ ("a=ice-ufrag" | "a=ice-pwd"), _)) => format!("{attribute}:{name}\r\n"),
        _ => format!("{line}\r\n"),
    };
    offer.lines().map(rename).collect()
}

/// The fingerprint of the certificate that a description names.
pub(super) fn fingerprint(description: &str) -> Option<Fingerprint> {
    let named = description.lines().find_map(|line| line.strip_prefix("a=fingerprint:sha-256 "))?;
    let mut digest = [0; 32];
    hex::decode_to_slice(named.trim().replace(':', ""), &mut digest).ok()?;
    Some(Fingerprint::raw(digest))
}
