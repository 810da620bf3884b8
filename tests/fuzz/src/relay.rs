//! What a relay reads by itself: datagrams, headers, paths, playlists, settings.

use std::net::SocketAddr;

use thetab_relay::{
    Kind, Manifest, Media, RelayConfig, Rendition,
    untrusted::{
        MediaFile, MediaPath, forwarded_client, live_playlist, master_playlist, matches_etag, media_playlist,
        stun_answer,
    },
};

use crate::{Memory, Target};

/// Texts are parsed into owned parts, attribute by attribute.
const TEXT: Memory = Memory { per_byte: 256, fixed: 64 * 1024 };

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds, memory: TEXT, longest: 4_000 }
}

pub(crate) const TARGETS: &[Target] = &[
    target("stun", stun, stun_seeds),
    target("forwarded-for", forwarded, forwarded_seeds),
    target("etag", etag, etag_seeds),
    target("media-path", media_path, media_path_seeds),
    target("master-playlist", master, master_seeds),
    target("media-playlist", media, media_seeds),
    target("manifest", manifest, manifest_seeds),
    target("relay-settings", settings, settings_seeds),
];

/// Nothing to amplify with: an answer is at most twice its question, and only questions are answered.
fn stun(datagram: &[u8]) {
    for from in ["203.0.113.7:4000", "[2001:db8::1]:4000"] {
        let from: SocketAddr = from.parse().expect("an address");
        if let Some(answer) = stun_answer(datagram, from) {
            assert!(datagram.len() >= 20 && answer.len() <= 2 * datagram.len().max(22));
            assert_eq!((&answer[..2], &answer[4..20]), (&[1u8, 1][..], &datagram[4..20]));
        }
    }
}

fn stun_seeds() -> Vec<Vec<u8>> {
    let question = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let mut with_attribute = question.clone();
    with_attribute[3] = 8;
    with_attribute.extend_from_slice(&[0x80, 0x22, 0, 4, b't', b'e', b's', b't']);
    vec![question, with_attribute]
}

fn forwarded(header: &[u8]) {
    if let Some(client) = forwarded_client(header) {
        assert_eq!(forwarded_client(format!("192.0.2.1, {client}").as_bytes()), Some(client));
    }
}

fn forwarded_seeds() -> Vec<Vec<u8>> {
    ["203.0.113.7", "198.51.100.1, 203.0.113.7", "2001:db8::1"].map(|text| text.as_bytes().to_vec()).to_vec()
}

fn etag(header: &[u8]) {
    let tag = "\"2a-17\"";
    if matches_etag(header, tag) {
        let text = String::from_utf8_lossy(header);
        assert!(text.contains(tag) || text.contains('*'));
    }
}

fn etag_seeds() -> Vec<Vec<u8>> {
    ["\"2a-17\"", "W/\"2a-17\", \"x\"", "*"].map(|text| text.as_bytes().to_vec()).to_vec()
}

/// A path has one spelling, and no part of it leads up.
fn media_path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(path) = MediaPath::parse(text) else { return };
    let file = match path.file {
        MediaFile::Master => "master.m3u8".to_owned(),
        MediaFile::Playlist { rendition } => format!("r{rendition}/index.m3u8"),
        MediaFile::Init { rendition } => format!("r{rendition}/init.mp4"),
        MediaFile::Segment { rendition, sequence } => format!("r{rendition}/{sequence}.m4s"),
        MediaFile::Records { rendition, page: Some(page) } => format!("r{rendition}/records/{page}.bin"),
        MediaFile::Records { rendition, page: None } => format!("r{rendition}/records/init.bin"),
    };
    assert_eq!(text, if path.revision == 0 { file } else { format!("@{}/{file}", path.revision) });
}

fn media_path_seeds() -> Vec<Vec<u8>> {
    let paths = [
        "master.m3u8",
        "@3/master.m3u8",
        "r0/index.m3u8",
        "r2/init.mp4",
        "@12/r1/77.m4s",
        "r0/records/4.bin",
        "r0/records/init.bin",
        "r0/../../keys/relay.key",
    ];
    paths.map(|path| path.as_bytes().to_vec()).to_vec()
}

fn master(bytes: &[u8]) {
    if let Ok(renditions) = master_playlist(bytes) {
        assert!(renditions.iter().enumerate().all(|(index, rendition)| usize::from(rendition.id) == index));
    }
}

fn master_seeds() -> Vec<Vec<u8>> {
    let text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"r1/index.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=700000,AVERAGE-BANDWIDTH=500000,RESOLUTION=640x360,FRAME-RATE=30.000,\
        CODECS=\"avc1.64001e,mp4a.40.2\",AUDIO=\"audio\"\nr0/index.m3u8\n";
    vec![text.as_bytes().to_vec()]
}

fn media(bytes: &[u8]) {
    let _ = media_playlist(bytes);
}

fn media_seeds() -> Vec<Vec<u8>> {
    let text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n\
        #EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:4.000000,\n0.m4s\n#EXTINF:2.500000,\n1.m4s\n#EXT-X-ENDLIST\n";
    vec![text.as_bytes().to_vec()]
}

/// What reads can be played at any moment.
fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::from_json(bytes) else { return };
    for now in [0, 1, 1_700_000_000_000, u64::MAX] {
        if let Some(playlist) = live_playlist(&manifest, now) {
            assert!(playlist.lines().filter(|line| line.ends_with(".m4s")).count() <= 15);
        }
    }
}

fn manifest_seeds() -> Vec<Vec<u8>> {
    let rendition = |id, media| Rendition {
        id,
        media,
        width: 640,
        height: 360,
        bandwidth_bps: 700_000,
        codecs: "avc1.64001e".to_owned(),
        segment_durations_ms: vec![4_000, 4_000, 2_500],
    };
    let kinds = [0, 1_600_000_000_000].map(|started_unix_ms| Kind::Loop { started_unix_ms });
    let kinds = [Kind::Vod, kinds[0], kinds[1]];
    kinds
        .map(|kind| {
            let renditions = vec![rendition(0, Media::Video), rendition(1, Media::Audio)];
            let manifest = Manifest { title: "Talk".to_owned(), kind, renditions };
            serde_json::to_vec(&manifest).expect("a manifest is plain data")
        })
        .to_vec()
}

fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(config) = toml::from_str::<RelayConfig>(text) {
        let written = toml::to_string(&config).expect("what reads can be written");
        assert_eq!(toml::from_str::<RelayConfig>(&written).ok(), Some(config));
    }
}

fn settings_seeds() -> Vec<Vec<u8>> {
    let text = "host = \"0.0.0.0\"\nhttp_port = 80\nexternal_addresses = [\"/ip4/203.0.113.7\"]\n\
        external_host = \"relay.example\"\nminimum_viewers = 3\n\n[limits]\nrequests_per_second = 50\nsessions = 9\n";
    vec![text.as_bytes().to_vec()]
}
