//! Keys on disk, and what depends on them.

use std::{fs, os::unix::fs::PermissionsExt as _};

use thetab_relay::{Relay, StartError};

use crate::support::{config, relay, start_in};

const KEYS: [&str; 3] = ["publisher.key", "relay.key", "webrtc.pem"];

#[tokio::test]
async fn keys_are_their_owners_alone() {
    let world = relay().await;
    let keys = world.data.path().join("keys");
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o700);
    for name in KEYS {
        assert_eq!(fs::metadata(keys.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_relay_whose_keys_others_can_read_does_not_start_and_says_what_to_type() {
    for mode in [0o640, 0o604, 0o660] {
        for name in KEYS {
            let world = relay().await;
            let (data, path) = {
                let path = world.data.path().join("keys").join(name);
                (world.data, path)
            };
            drop(world.relay);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let Err(StartError::Key(error)) = Relay::start(&config(data.path())).await else {
                panic!("{name}")
            };
            assert!(error.to_string().contains("chmod 600") && error.to_string().contains(name), "{error}");
        }
    }
}

#[tokio::test]
async fn a_restart_changes_neither_the_peer_id_nor_the_certificate() {
    let world = relay().await;
    let before = world.json("/api/v1/relay").await;
    let suffixes = |info: &serde_json::Value| -> Vec<String> {
        let addresses = info["addresses"].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
        // Ports are any; certificate hash and peer id are not.
        let mut suffixes: Vec<String> =
            addresses.map(|address| address.split('/').skip(5).collect::<Vec<_>>().join("/")).collect();
        suffixes.sort();
        suffixes
    };
    assert!(suffixes(&before).iter().any(|suffix| suffix.contains("webrtc-direct/certhash/")), "{before}");
    let data = world.data;
    world.relay.shut_down(std::time::Duration::from_secs(1)).await;
    let after = start_in(data, |_| ()).await.json("/api/v1/relay").await;
    assert_eq!(after["peer_id"], before["peer_id"]);
    assert_eq!(suffixes(&after), suffixes(&before));
}

#[tokio::test]
async fn a_port_that_is_taken_gives_way_to_the_next() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let world = crate::support::relay_with(|config| config.http_port = port).await;
    assert_ne!(world.address().port(), port);
    assert!((1..=50).contains(&world.address().port().wrapping_sub(port)), "{}", world.address());
    assert!(world.relay.url().ends_with(&world.address().port().to_string()));
    assert_eq!(world.text("/healthz").await, "ok\n");
}

#[tokio::test]
async fn an_app_folder_without_an_app_is_named() {
    let data = tempfile::tempdir().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let mut config = config(data.path());
    config.app = Some(empty.path().to_path_buf());
    let Err(error) = Relay::start(&config).await else { panic!("it started") };
    assert!(error.to_string().contains("index.html"), "{error}");
}

#[tokio::test]
async fn half_a_tls_pair_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let mut config = config(data.path());
    config.tls_cert = Some("cert.pem".into());
    assert!(matches!(Relay::start(&config).await, Err(StartError::TlsPair)));
    config.tls_key = Some("key.pem".into());
    assert!(matches!(Relay::start(&config).await, Err(StartError::Tls { .. })));
}
