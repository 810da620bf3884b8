use std::time::Duration;

use axum::{Json, Router, extract::Request, routing::get};
use thetab_native::{EdgeNode, LoadError, NodeOptions, StartError};
use thetab_node::{RelayState, SharingMode};
use thetab_wire::SegmentId;

use crate::support::{World, hash, in_time, settings, until, watch};

#[tokio::test(flavor = "multi_thread")]
async fn linked_nodes_go_on_without_their_relay() {
    in_time(async {
        let world = World::new().await;
        let first = world.node("bulk", Some(SharingMode::Share)).await;
        watch(&first).await;
        let second = world.node("bulk", Some(SharingMode::Share)).await;
        until(&second, |snapshot| snapshot.stats.links == 1).await;
        let segment = SegmentId::media(0, 5);
        let truth = first.fetch_plainly(segment).await.unwrap();
        world.relay.shut_down(Duration::ZERO).await;
        until(&second, |snapshot| snapshot.relay == RelayState::Lost).await;
        let loaded = second.load(segment, Duration::from_secs(20)).await.unwrap();
        assert_eq!(hash(&loaded.pieces), blake3::hash(&truth));
        assert_eq!(loaded.delivery.peer_bytes, truth.len() as u64);
        first.shut_down().await;
        second.shut_down().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_ends_is_missed_by_its_peer_and_its_relay_at_once() {
    in_time(async {
        let world = World::new().await;
        let first = world.node("sample", Some(SharingMode::Share)).await;
        let second = world.node("sample", Some(SharingMode::Share)).await;
        until(&second, |snapshot| snapshot.stats.links == 1 && snapshot.viewers == 2).await;
        first.shut_down().await;
        let gone = until(&second, |snapshot| snapshot.stats.links == 0 && snapshot.viewers == 1);
        tokio::time::timeout(Duration::from_secs(8), gone).await.expect("nobody has to find out by silence");
        second.shut_down().await;
    })
    .await;
}

/// Passes on everything of a relay but the addresses that are not of one kind.
async fn reached_only_by(kind: &'static str, world: &World) -> thetab_native::Url {
    let (url, client) = (world.url(), reqwest::Client::new());
    let (of_relay, asking) = (url.clone(), client.clone());
    let relay = get(move || async move {
        let answer = asking.get(of_relay.join("/api/v1/relay").unwrap()).send().await.unwrap();
        let mut info: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let addresses = info["addresses"].as_array_mut().unwrap();
        addresses.retain(|address| address.as_str().unwrap().contains(kind));
        assert!(!addresses.is_empty());
        Json(info)
    });
    let anything = move |request: Request| async move {
        let (parts, body) = request.into_parts();
        let target = url.join(parts.uri.path()).unwrap();
        let body = axum::body::to_bytes(body, 64 * 1024).await.unwrap();
        let answer =
            client.request(parts.method, target).headers(parts.headers).body(body).send().await.unwrap();
        (answer.status(), answer.bytes().await.unwrap())
    };
    let router = Router::new().route("/api/v1/relay", relay).fallback(anything);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_is_reached_by_websocket_or_webrtc_whichever_there_is() {
    in_time(async {
        let world = World::new().await;
        for kind in ["/ws", "/webrtc-direct"] {
            let url = reached_only_by(kind, &world).await;
            let node = EdgeNode::start(url, "sample", &NodeOptions::default()).await.unwrap();
            node.set_settings(settings(Some(SharingMode::Share)));
            let joined = until(&node, |snapshot| snapshot.relay == RelayState::Connected).await;
            assert_eq!(joined.viewers, 1, "{kind}");
            node.shut_down().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_nobody_signed_is_left_to_plain_http() {
    in_time(async {
        let world = World::new().await;
        let node = world.node("sample", None).await;
        let missing = node.load(SegmentId::media(0, 9_999), Duration::from_secs(5)).await;
        assert_eq!(missing, Err(LoadError::PlainHttp));
        node.shut_down().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_exist_does_not_start() {
    in_time(async {
        let world = World::new().await;
        let refused = EdgeNode::start(world.url(), "nothing", &NodeOptions::default()).await;
        let Err(StartError::Stream { stream, source }) = refused else { panic!("it started") };
        assert_eq!(
            (stream.as_str(), source.to_string().as_str()),
            ("nothing", "the relay answers 404 Not Found")
        );
    })
    .await;
}
