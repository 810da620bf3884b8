//! An edge node as a process.

use crate::support::{Running, error_of, free_port, thetab};

fn edge(relay: &str, stream: &str) -> std::process::Command {
    let mut command = thetab();
    command.args(["edge", "--relay", relay, "--stream", stream]);
    command
}

#[test]
fn a_relay_that_is_not_there_and_a_stream_that_it_does_not_have_are_named() {
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let error = error_of(&mut edge(&nobody, "sample"));
    assert!(error.contains(&nobody) && error.contains("sample"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let ports = ["--http-port", "0", "--webrtc-port", "0", "--websocket-port", "0", "--stun-port", "0"];
    let mut running = Running::start(thetab().arg("up").args(ports).arg("--data").arg(folder.path()));
    let url = running.hear("thetab is up: ");
    let relay = url.trim_end_matches("/watch/sample");
    let error = error_of(&mut edge(relay, "nothing"));
    assert!(error.contains("`nothing`"), "{error}");
}

#[test]
fn an_edge_node_shares_until_it_is_told_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let ports = ["--http-port", "0", "--webrtc-port", "0", "--websocket-port", "0", "--stun-port", "0"];
    let mut running = Running::start(thetab().arg("up").args(ports).arg("--data").arg(folder.path()));
    let url = running.hear("thetab is up: ");
    let mut sharing = Running::start(&mut edge(url.trim_end_matches("/watch/sample"), "sample"));
    sharing.hear("0 viewers, ");
    sharing.signal("INT");
    assert!(sharing.end(), "{}", sharing.heard);
    assert!(sharing.heard.contains("passed on"), "{}", sharing.heard);
}
