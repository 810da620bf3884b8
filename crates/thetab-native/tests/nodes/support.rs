//! A relay on free ports, nodes at it, and the truth about every segment.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use bytes::Bytes;
use tempfile::TempDir;
use thetab_native::{EdgeNode, NodeOptions, Url, Viewer, Watched};
use thetab_node::{NodeSnapshot, Settings, SharingMode};
use thetab_relay::{Kind, PackagedSource, Relay, RelayConfig, publish_packaged};
use thetab_wire::SegmentId;

/// More than anything here takes, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Segments of the stream `bulk`, of 14 pieces each.
pub(crate) const BULK_SEGMENTS: u64 = 6;
const BULK_SEGMENT_BYTES: usize = 900_000;

/// One running relay with the streams `sample`, which travels with the repository, and `bulk`, which is noise.
pub(crate) struct World {
    pub(crate) relay: Relay,
    _data: TempDir,
}

impl World {
    pub(crate) async fn new() -> World {
        log();
        let data = tempfile::tempdir().unwrap();
        publish_sample(data.path());
        publish_bulk(data.path());
        let config = RelayConfig {
            data: data.path().to_path_buf(),
            http_port: 0,
            webrtc_port: 0,
            websocket_port: 0,
            stun_port: 0,
            minimum_viewers: 2,
            ..RelayConfig::default()
        };
        World { relay: Relay::start(&config).await.unwrap(), _data: data }
    }

    pub(crate) fn url(&self) -> Url {
        format!("http://{}", self.relay.http()).parse().unwrap()
    }

    /// A node whose owner said `sharing`.
    pub(crate) async fn node(&self, stream: &str, sharing: Option<SharingMode>) -> EdgeNode {
        let node = EdgeNode::start(self.url(), stream, &NodeOptions::default()).await.unwrap();
        node.set_settings(settings(sharing));
        node
    }
}

pub(crate) fn settings(sharing: Option<SharingMode>) -> Settings {
    Settings { sharing, upload_cap_bytes_per_second: 50_000_000, metered: false }
}

fn publish_sample(data: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../thetab/assets/sample.tar");
    tar::Archive::new(fs::File::open(archive).unwrap()).unpack(folder.path()).unwrap();
    publish(data, "sample", folder.path());
}

fn publish_bulk(data: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let rendition = folder.path().join("r0");
    fs::create_dir(&rendition).unwrap();
    let master =
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=64x64,CODECS=\"avc1.64001f\"\nr0/index.m3u8\n";
    fs::write(folder.path().join("master.m3u8"), master).unwrap();
    let segments: String =
        (0..BULK_SEGMENTS).map(|sequence| format!("#EXTINF:4.0,\n{sequence}.m4s\n")).collect();
    let playlist = format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n{segments}#EXT-X-ENDLIST\n");
    fs::write(rendition.join("index.m3u8"), playlist).unwrap();
    fs::write(rendition.join("init.mp4"), "moov").unwrap();
    for sequence in 0..BULK_SEGMENTS {
        let mut noise = vec![0; BULK_SEGMENT_BYTES];
        blake3::Hasher::new().update(&sequence.to_be_bytes()).finalize_xof().fill(&mut noise);
        fs::write(rendition.join(format!("{sequence}.m4s")), noise).unwrap();
    }
    publish(data, "bulk", folder.path());
}

fn publish(data: &Path, name: &str, folder: &Path) {
    let source = PackagedSource { folder, name, title: name, kind: Kind::Vod, replace: false };
    publish_packaged(data, &source).unwrap();
}

/// Shows what `RUST_LOG` asks for, beside the tests that fail.
fn log() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    // Another test of this process may have been first.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
}

/// Runs a whole story, or fails.
pub(crate) async fn in_time<F: Future>(story: F) -> F::Output {
    tokio::time::timeout(PATIENCE, story).await.expect("the story ends in time")
}

/// Waits until the node shows something.
pub(crate) async fn until(node: &EdgeNode, what: impl Fn(&NodeSnapshot) -> bool) -> NodeSnapshot {
    let mut snapshots = node.snapshots();
    let found = snapshots.wait_for(|snapshot| what(snapshot)).await.expect("the node runs");
    found.clone()
}

/// The hash of every segment that a viewer saw.
pub(crate) type Seen = BTreeMap<SegmentId, blake3::Hash>;

pub(crate) fn hash(pieces: &[Bytes]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.finalize()
}

/// Watches everything, as fast as it comes, and checks every byte against the origin's.
pub(crate) async fn watch(node: &EdgeNode) -> Watched {
    let renditions = node.stream().renditions.iter().map(|rendition| rendition.id).collect();
    let mut seen = Seen::new();
    let viewer = Viewer::new(node, renditions).at_speed(1000);
    let see = |segment, pieces: &[Bytes]| {
        seen.insert(segment, hash(pieces));
    };
    let watched = viewer.watch(see).await.unwrap();
    for (segment, hash) in seen {
        let truth = node.fetch_plainly(segment).await.unwrap();
        assert_eq!(hash, blake3::hash(&truth), "{segment:?}");
    }
    watched
}
