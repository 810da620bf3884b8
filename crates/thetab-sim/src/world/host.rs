//! The hands of every node and player: what they want done, done in this world.

use bytes::Bytes;
use thetab_node::{Conditions, Effect, Input, NodeSnapshot, Settings, SharingMode};
use thetab_swarm::{Delivery, RequestId};
use thetab_wire::SegmentId;

use super::{World, event::Event, http::Purpose};
use crate::{
    ViewerId,
    player::Action,
    viewer::{EdgeNode, Viewer},
};

/// Segments loaded before the node was there wait for it up to this many.
const MAX_WAITING: usize = 20;
/// What a node may hold beyond its limit: the segment that its player waits for.
const ASSEMBLING_BYTES: u64 = 2 * 1024 * 1024;
/// Effects without time passing, beyond which a node is taken to run in circles.
const MAX_EFFECTS_AT_ONCE: u32 = 50_000;

impl World {
    pub(super) fn viewer_mut(&mut self, id: ViewerId) -> Option<&mut Viewer> {
        self.viewers.get_mut(id.0).filter(|viewer| !viewer.is_gone)
    }

    pub(super) fn join(&mut self, id: ViewerId) {
        let now = self.now;
        let Some(viewer) = self.viewer_mut(id) else { return };
        let actions = viewer.player.start(now);
        self.act(id, actions);
    }

    pub(super) fn node_loaded(&mut self, id: ViewerId) {
        let node = self.new_node(id);
        let Some(viewer) = self.viewer_mut(id) else { return };
        viewer.node = node;
        viewer.player.has_node = true;
        let waiting = std::mem::take(&mut viewer.waiting);
        let settings = settings(viewer);
        self.input(id, Input::Settings(settings));
        self.input(id, Input::Conditions(Conditions::default()));
        for segment in waiting {
            let payload = self.publication.payload(&segment);
            self.input(id, Input::Offered { segment, payload });
        }
        self.player_timer(id);
    }

    /// The visitor answers.
    pub(super) fn answer_consent(&mut self, id: ViewerId, sharing: SharingMode) {
        let Some(viewer) = self.viewer_mut(id) else { return };
        viewer.sharing = Some(sharing);
        let settings = settings(viewer);
        self.input(id, Input::Settings(settings));
    }

    /// Gives one input to a node and does what it wants.
    pub(super) fn input(&mut self, id: ViewerId, input: Input) {
        let now = self.now;
        let Some(mut node) = self.viewer_mut(id).and_then(|viewer| viewer.node.take()) else { return };
        self.trace.record(now, id.0 as u64, &input);
        if let (Input::Bulk { .. } | Input::OriginData { .. }, Some(viewer)) = (&input, self.viewer_mut(id)) {
            viewer.player.progressed = now;
        }
        node.handle(now, input);
        self.drain(id, node);
    }

    pub(super) fn node_timer(&mut self, id: ViewerId) {
        let now = self.now;
        let Some(viewer) = self.viewer_mut(id) else { return };
        viewer.wakes_at = None;
        let Some(mut node) = viewer.node.take() else { return };
        if node.poll_timeout().is_some_and(|at| at <= now) {
            node.handle_timeout(now);
            if node.poll_timeout().is_some_and(|at| at < now) {
                self.violated(format!("{id} has a deadline that has passed and is not done"));
            }
        }
        self.drain(id, node);
    }

    fn drain(&mut self, id: ViewerId, mut node: Box<dyn EdgeNode>) {
        while let Some(effect) = node.poll_effect() {
            self.trace.record(self.now, id.0 as u64, &effect);
            self.count_effect(id);
            self.perform(id, effect);
        }
        let due = node.poll_timeout();
        let Some(viewer) = self.viewer_mut(id) else { return };
        viewer.node = Some(node);
        let Some(due) = due else { return };
        if viewer.wakes_at.is_none_or(|at| due < at) {
            viewer.wakes_at = Some(due);
            self.queue.push(due.max(self.now), Event::NodeTimer(id));
        }
    }

    fn count_effect(&mut self, id: ViewerId) {
        let now = self.now;
        let Some(viewer) = self.viewer_mut(id) else { return };
        let (at, count) = &mut viewer.effects_now;
        *count = if *at == now { *count + 1 } else { 0 };
        *at = now;
        if *count == MAX_EFFECTS_AT_ONCE {
            self.violated(format!("{id} runs in circles"));
        }
        assert!(
            self.viewers.get(id.0).is_none_or(|viewer| viewer.effects_now.1 <= MAX_EFFECTS_AT_ONCE),
            "{:?}",
            self.verdict()
        );
    }

    fn perform(&mut self, id: ViewerId, effect: Effect) {
        match effect {
            Effect::Deliver { request, pieces, delivery } => self.deliver(id, request, &pieces, delivery),
            Effect::PlainHttp { request } => self.refuse(id, request),
            Effect::FetchOrigin { fetch, segment, range } => {
                self.fetch_segment(id, Purpose::Node(fetch), segment, Some(range));
            }
            Effect::FetchRecords { fetch, rendition, page, after } => {
                self.fetch_records(id, fetch, (rendition, page, after));
            }
            Effect::CancelFetch { fetch } => self.cancel_exchange(id, Purpose::Node(fetch)),
            Effect::RequestTicket { session, seal } => self.fetch_ticket(id, session, seal),
            Effect::ConnectRelay => self.connect_relay(id),
            Effect::DisconnectRelay => self.disconnect_relay(id),
            Effect::SendRelay(message) => self.send_relay(id, message),
            Effect::OpenConnection { connection, offer } => self.open_connection(id, connection, offer),
            Effect::RemoteDescription { connection, sdp } => self.remote_description(id, connection, &sdp),
            Effect::RemoteCandidates { connection, candidates } => {
                self.remote_candidates(id, connection, candidates.len());
            }
            Effect::CloseConnection { connection } => self.close_connection(id, connection),
            Effect::SendControl { connection, message } => self.send_control(id, connection, message),
            Effect::SendBulk { connection, frame } => self.send_bulk(id, connection, frame),
            Effect::Snapshot(snapshot) => self.show(id, snapshot),
            // A page shows it; nothing else depends on it.
            _ => {}
        }
    }

    fn show(&mut self, id: ViewerId, snapshot: NodeSnapshot) {
        let Some(viewer) = self.viewer_mut(id) else { return };
        let (stored, limit) = (snapshot.stats.stored_bytes, viewer.plan.memory_limit_bytes as u64);
        viewer.snapshot = Some(snapshot);
        if stored > limit + ASSEMBLING_BYTES {
            self.violated(format!("{id} stores {stored} bytes where {limit} are allowed"));
        }
        self.learn_company(id);
    }

    /// The player keeps little ahead while peers are being found.
    fn learn_company(&mut self, id: ViewerId) {
        let Some(viewer) = self.viewer_mut(id) else { return };
        let Some(snapshot) = &viewer.snapshot else { return };
        let is_alone = snapshot.relay == thetab_node::RelayState::Connected && snapshot.viewers <= 1;
        let few = snapshot.reason == thetab_node::ModeReason::FewViewers;
        viewer.player.has_peers = snapshot.stats.links > 0;
        viewer.player.is_waiting_for_peers =
            World::is_yes(viewer.sharing) && !viewer.player.has_peers && !is_alone && !few;
    }

    fn deliver(&mut self, id: ViewerId, request: RequestId, pieces: &[Bytes], delivery: Delivery) {
        let Some(segment) = self.awaited(id, request) else { return };
        let expected = self.publication.payload(&segment);
        let mut rest = &expected[..];
        let is_right = pieces.iter().all(|piece| {
            let matches = !piece.is_empty() && rest.starts_with(piece);
            rest = rest.get(piece.len()..).unwrap_or_default();
            matches
        });
        if !is_right || !rest.is_empty() {
            self.violated(format!("{id} was given bytes of {segment:?} that are not the origin's"));
        }
        let now = self.now;
        let Some(viewer) = self.viewer_mut(id) else { return };
        viewer.tally.from_peers_bytes += delivery.peer_bytes;
        viewer.tally.from_origin_bytes +=
            expected.len() as u64 - delivery.peer_bytes.min(expected.len() as u64);
        let actions = viewer.player.loaded(now, request, true);
        self.act(id, actions);
    }

    fn refuse(&mut self, id: ViewerId, request: RequestId) {
        if self.awaited(id, request).is_none() {
            return;
        }
        let Some(viewer) = self.viewer_mut(id) else { return };
        viewer.tally.refusals += 1;
        self.note(|| format!("{id}: its node leaves a segment to plain HTTP"));
        let Some(viewer) = self.viewer_mut(id) else { return };
        let actions = viewer.player.refused(request);
        self.act(id, actions);
    }

    fn awaited(&mut self, id: ViewerId, request: RequestId) -> Option<SegmentId> {
        let awaited = self.viewer_mut(id)?.player.awaits(request);
        if awaited.is_none() {
            self.violated(format!("{id} was given an answer to {request:?}, which is not open"));
        }
        awaited
    }

    pub(super) fn player_timer(&mut self, id: ViewerId) {
        let now = self.now;
        let Some(viewer) = self.viewer_mut(id) else { return };
        viewer.player_wakes_at = None;
        let actions = viewer.player.poll(now);
        self.act(id, actions);
    }

    /// Does what a player wants. What it says to its node comes after what happens now.
    pub(super) fn act(&mut self, id: ViewerId, actions: Vec<Action>) {
        for action in actions {
            self.act_once(id, action);
        }
        let now = self.now;
        let Some(viewer) = self.viewer_mut(id) else { return };
        let Some(due) = viewer.player.next_due(now) else { return };
        if viewer.player_wakes_at.is_none_or(|at| due < at) {
            // A moment later, so that what is due is past and not just now.
            let due = due.max(now + std::time::Duration::from_micros(1));
            viewer.player_wakes_at = Some(due);
            self.queue.push(due, Event::PlayerTimer(id));
        }
    }

    fn act_once(&mut self, id: ViewerId, action: Action) {
        let tell = |world: &mut World, input| world.queue.push(world.now, Event::Input(id, input));
        match action {
            Action::Ask { request, segment, deadline } => {
                let slack = deadline - self.now;
                let SegmentId { rendition, sequence, .. } = segment;
                self.note(|| format!("{id}: wants {rendition}/{sequence} within {slack:.1?}"));
                tell(self, Input::Load { request, segment, deadline });
            }
            Action::Abandon { request } => tell(self, Input::Abandon { request }),
            Action::FetchPlain { request, segment } => {
                self.fetch_segment(id, Purpose::Player(request), segment, None);
            }
            Action::CancelPlain { request } => self.cancel_exchange(id, Purpose::Player(request)),
            Action::Refresh => self.fetch_playlist(id),
            Action::Playing => {
                let Some(viewer) = self.viewer_mut(id) else { return };
                let delay = viewer.plan.node_loads_in;
                self.later(delay, Event::NodeLoaded(id));
            }
            Action::Playhead { renditions, sequence, last_sequence } => {
                let last_sequence = Some(last_sequence);
                tell(self, Input::Playhead { renditions, sequence, last_sequence });
            }
            Action::Paused(paused) => {
                tell(self, Input::Conditions(Conditions { paused, ..Conditions::default() }));
            }
        }
    }

    /// The player loaded a segment by itself: the node may have it.
    pub(super) fn plain_loaded(&mut self, id: ViewerId, request: RequestId, segment: SegmentId) {
        let now = self.now;
        let payload = self.publication.payload(&segment);
        let Some(viewer) = self.viewer_mut(id) else { return };
        viewer.tally.plain_bytes += payload.len() as u64;
        if viewer.node.is_none() && viewer.waiting.len() < MAX_WAITING {
            viewer.waiting.push(segment);
        }
        let actions = viewer.player.loaded(now, request, true);
        self.queue.push(now, Event::Input(id, Input::Offered { segment, payload }));
        self.act(id, actions);
    }

    /// Nothing of a tab happens any more.
    pub(super) fn end_tab(&mut self, id: ViewerId) {
        let now = self.now;
        let Some(viewer) = self.viewer_mut(id) else { return };
        viewer.player.stop(now);
        viewer.node = None;
        viewer.is_gone = true;
    }
}

fn settings(viewer: &Viewer) -> Settings {
    Settings {
        sharing: viewer.sharing,
        upload_cap_bytes_per_second: viewer.plan.upload_cap_bytes_per_second,
        metered: false,
    }
}
