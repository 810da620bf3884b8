//! A relay in this process, an evil peer in another, honest nodes, and the truth about every segment.

use std::{collections::BTreeMap, fs, process::Stdio, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;
use thetab_native::{EdgeNode, NodeOptions, Viewer, Watched};
use thetab_node::{NodeSnapshot, Settings, SharingMode};
use thetab_relay::{Kind, PackagedSource, Relay, RelayConfig, publish_packaged};
use thetab_wire::SegmentId;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// More than anything here takes, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running relay with the sample that travels with the repository.
pub(crate) struct World {
    relay: Relay,
    _data: TempDir,
}

impl World {
    pub(crate) async fn new() -> World {
        let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/thetab/assets/sample.tar");
        tar::Archive::new(fs::File::open(archive).unwrap()).unpack(folder.path()).unwrap();
        let (folder, name) = (folder.path(), "sample");
        let source = PackagedSource { folder, name, title: "Sample", kind: Kind::Vod, replace: false };
        publish_packaged(data.path(), &source).unwrap();
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

    fn url(&self) -> String {
        format!("http://{}", self.relay.http())
    }

    /// An evil peer that has everything and stands with the relay.
    pub(crate) async fn evil(&self, mode: &str) -> Evil {
        let mut child = Command::new(env!("CARGO_BIN_EXE_evil-peer"))
            .args(["--relay", &self.url(), "--stream", "sample", "--mode", mode])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut evil = Evil { child, lines };
        evil.until(|line| line["ready"] == true).await;
        evil
    }

    /// A node whose owner said yes.
    pub(crate) async fn node(&self) -> EdgeNode {
        let url = self.url().parse().unwrap();
        let node = EdgeNode::start(url, "sample", &NodeOptions::default()).await.unwrap();
        node.set_settings(Settings {
            sharing: Some(SharingMode::Share),
            upload_cap_bytes_per_second: 50_000_000,
            metered: false,
        });
        node
    }
}

/// The other program, and what it says.
pub(crate) struct Evil {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Evil {
    /// The first line for which `what` holds.
    pub(crate) async fn until(&mut self, what: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.lines.next_line().await.unwrap().expect("the evil peer still runs");
            let line = serde_json::from_str(&line).unwrap();
            if what(&line) {
                return line;
            }
        }
    }

    /// Tells it to end, and gives its last line.
    pub(crate) async fn end(mut self) -> Value {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        let last = self.until(|line| line["ended"] == true).await;
        assert!(self.child.wait().await.unwrap().success());
        last
    }
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

/// Watches everything, as fast as it comes, and checks every byte against the origin's.
pub(crate) async fn watch(node: &EdgeNode) -> Watched {
    let renditions = node.stream().renditions.iter().map(|rendition| rendition.id).collect();
    let mut seen: BTreeMap<SegmentId, blake3::Hash> = BTreeMap::new();
    let see = |segment, pieces: &[Bytes]| {
        seen.insert(segment, blake3::hash(&pieces.concat()));
    };
    let watched = Viewer::new(node, renditions).at_speed(1000).watch(see).await.unwrap();
    for (segment, hash) in seen {
        let truth = node.fetch_plainly(segment).await.unwrap();
        assert_eq!(hash, blake3::hash(&truth), "{segment:?}");
    }
    watched
}
