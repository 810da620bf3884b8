use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use thetab_native::{EdgeNode, NodeOptions};
use thetab_node::{Effect, Input, Node, RelayState, SharingMode};
use thetab_sansio::{Instant, Machine};

use crate::support::{BULK_SEGMENTS, World, in_time, settings, until, watch};

#[tokio::test(flavor = "multi_thread")]
async fn the_second_node_gets_most_bytes_from_the_first_and_every_one_is_right() {
    in_time(async {
        let world = World::new().await;
        for stream in ["sample", "bulk"] {
            let first = world.node(stream, Some(SharingMode::Share)).await;
            let alone = watch(&first).await;
            assert_eq!((alone.peer_bytes, alone.plain_bytes), (0, 0), "{stream}");
            let second = world.node(stream, Some(SharingMode::Share)).await;
            until(&second, |snapshot| snapshot.stats.links == 1).await;
            let together = watch(&second).await;
            assert_eq!(together.segments, alone.segments, "{stream}");
            assert!(together.peer_bytes > 4 * together.origin_bytes, "{stream}: {together:?}");
            assert_eq!(together.plain_bytes, 0, "{stream}");
            let stats = second.snapshot().stats;
            assert_eq!((stats.rejected_pieces, stats.banned_peers), (0, 0), "{stream}");
            let given = until(&first, |snapshot| snapshot.stats.given_bytes >= together.peer_bytes).await;
            assert_eq!(given.stats.banned_peers, 0, "{stream}");
            first.shut_down().await;
            second.shut_down().await;
        }
    })
    .await;
}

/// A node whose wishes to connect are counted.
struct Watchful {
    node: Node,
    connections: Arc<AtomicUsize>,
}

impl Machine for Watchful {
    type Input = Input;
    type Effect = Effect;
    fn handle(&mut self, now: Instant, input: Input) {
        self.node.handle(now, input);
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.node.handle_timeout(now);
    }
    fn poll_effect(&mut self) -> Option<Effect> {
        let effect = self.node.poll_effect()?;
        let connects = matches!(
            effect,
            Effect::ConnectRelay | Effect::RequestTicket { .. } | Effect::OpenConnection { .. }
        );
        self.connections.fetch_add(usize::from(connects), Ordering::Relaxed);
        Some(effect)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.node.poll_timeout()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_a_yes_gets_all_from_the_origin_and_connects_to_nobody() {
    in_time(async {
        let world = World::new().await;
        let sharing = world.node("bulk", Some(SharingMode::Share)).await;
        watch(&sharing).await;
        until(&sharing, |snapshot| snapshot.relay == RelayState::Connected).await;
        for answer in [None, Some(SharingMode::Off)] {
            let connections = Arc::<AtomicUsize>::default();
            let counted = connections.clone();
            let machine = |config| Watchful { node: Node::new(config), connections: counted };
            let options = NodeOptions::default();
            let alone = EdgeNode::start_as(world.url(), "bulk", &options, machine).await.unwrap();
            alone.set_settings(settings(answer));
            let watched = watch(&alone).await;
            assert_eq!((watched.peer_bytes, watched.segments), (0, BULK_SEGMENTS + 1));
            assert_eq!(alone.snapshot().relay, RelayState::Off);
            alone.shut_down().await;
            assert_eq!(connections.load(Ordering::Relaxed), 0);
        }
        assert_eq!(sharing.snapshot().stats.links, 0);
        assert_eq!(sharing.snapshot().stats.given_bytes, 0);
        sharing.shut_down().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_after_a_yes_closes_everything_at_once() {
    in_time(async {
        let world = World::new().await;
        let first = world.node("sample", Some(SharingMode::Share)).await;
        let second = world.node("sample", Some(SharingMode::Share)).await;
        until(&first, |snapshot| snapshot.stats.links == 1).await;
        second.set_settings(settings(Some(SharingMode::Off)));
        until(&second, |snapshot| snapshot.relay == RelayState::Off && snapshot.stats.links == 0).await;
        until(&first, |snapshot| snapshot.stats.links == 0 && snapshot.viewers == 1).await;
        first.shut_down().await;
        second.shut_down().await;
    })
    .await;
}
