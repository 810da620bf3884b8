use crate::support::{World, in_time, until, watch};

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_peer_is_used_and_bans_nobody() {
    in_time(async {
        let world = World::new().await;
        for mode in ["honest", "unknown-tags"] {
            let mut peer = world.evil(mode).await;
            let node = world.node().await;
            until(&node, |snapshot| snapshot.stats.links == 1).await;
            let watched = watch(&node).await;
            assert!(watched.peer_bytes > 4 * watched.origin_bytes, "{mode}: {watched:?}");
            let stats = node.snapshot().stats;
            assert_eq!((stats.rejected_pieces, stats.banned_peers), (0, 0), "{mode}");
            let said = peer.until(|line| line["pieces_sent"].as_u64() > Some(60)).await;
            assert_eq!(said["links_closed"], 0, "{mode}: {said}");
            assert_eq!(said["tampered"].as_u64() > Some(0), mode == "unknown-tags", "{said}");
            node.shut_down().await;
            peer.end().await;
        }
    })
    .await;
}

/// A peer in this mode is banned by whoever meets it, and nothing of it is ever believed.
async fn is_banned(mode: &str, rejects_pieces: bool) {
    in_time(async {
        let world = World::new().await;
        let mut peer = world.evil(mode).await;
        let node = world.node().await;
        peer.until(|line| line["links_opened"].as_u64() > Some(0)).await;
        let watched = watch(&node).await;
        let banned = until(&node, |snapshot| snapshot.stats.banned_peers > 0).await;
        assert_eq!(banned.stats.banned_peers, 1, "{mode}");
        assert_eq!(banned.stats.rejected_pieces > 0, rejects_pieces, "{mode}: {:?}", banned.stats);
        assert_eq!(watched.peer_bytes, 0, "{mode}: {watched:?}");
        peer.until(|line| line["links"] == 0).await;
        let last = peer.end().await;
        assert!(last["tampered"].as_u64() > Some(0), "{last}");
        assert_eq!(last["links_opened"], 1, "it came back: {last}");
        node.shut_down().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_corrupts_pieces_is_banned() {
    is_banned("corrupt", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_sends_empty_frames_is_banned() {
    is_banned("zero", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_floods_is_banned() {
    is_banned("flood", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_forges_records_is_banned() {
    is_banned("forge-records", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_exceeds_the_bounds_is_banned() {
    is_banned("oversize", false).await;
}

/// A peer in this mode does nothing that an unlucky one could not do: it is let go, and not taken back at once.
async fn is_dropped(mode: &str) {
    in_time(async {
        let world = World::new().await;
        let mut peer = world.evil(mode).await;
        let node = world.node().await;
        until(&node, |snapshot| snapshot.stats.links == 1).await;
        let watched = watch(&node).await;
        assert_eq!(watched.peer_bytes, 0, "{mode}: {watched:?}");
        peer.until(|line| line["links"] == 0 && line["links_closed"].as_u64() > Some(0)).await;
        let stats = node.snapshot().stats;
        assert_eq!((stats.banned_peers, stats.rejected_pieces), (0, 0), "{mode}");
        let last = peer.end().await;
        assert_eq!(last["links_opened"], 1, "it came back: {last}");
        node.shut_down().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_never_answers_is_dropped() {
    is_dropped("stall").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_refuses_what_it_announced_is_dropped() {
    is_dropped("lie").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_peer_serves_beside_an_evil_one() {
    in_time(async {
        let world = World::new().await;
        let evil = world.evil("corrupt").await;
        let honest = world.evil("honest").await;
        let node = world.node().await;
        until(&node, |snapshot| snapshot.stats.links == 2).await;
        let watched = watch(&node).await;
        assert!(watched.peer_bytes > watched.origin_bytes, "{watched:?}");
        let stats = node.snapshot().stats;
        assert_eq!((stats.banned_peers, stats.links), (1, 1));
        assert_eq!(honest.end().await["links_closed"], 0);
        evil.end().await;
        node.shut_down().await;
    })
    .await;
}
