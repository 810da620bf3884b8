//! The relay: the real tracker behind ordered streams, and tickets from the publisher's key.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use thetab_node::Input;
use thetab_sansio::{Instant, Machine as _};
use thetab_swarm::tracker::{self, StreamKey, Tracker};
use thetab_wire::{SealKey, SessionKey};

use super::{World, event::Event};
use crate::{
    ViewerId,
    access::{Access, Path},
    publication::{Publication, STARTED_UNIX_SECONDS},
};

const RELAY_ID: &[u8] = b"simulated relay";
const MINIMUM_VIEWERS: u32 = 2;
const MAXIMUM_SESSIONS: usize = 20_000;
/// How a server is connected.
pub(super) const SERVER: Access = Access {
    up_bytes_per_second: 125_000_000,
    down_bytes_per_second: 125_000_000,
    delay: Duration::from_millis(4),
    jitter: Duration::from_millis(2),
    loss_permille: 0,
    failing_attempts_percent: 0,
};

/// A relay that may be down.
#[derive(Debug)]
pub(super) struct Relay {
    seed: u64,
    tracker: Option<Tracker>,
    wakes_at: Option<Instant>,
    next_stream: u64,
    streams: BTreeMap<StreamKey, Stream>,
}

#[derive(Debug)]
struct Stream {
    viewer: ViewerId,
    /// When the last message to the relay, and the last from it, arrives.
    arrives: [Instant; 2],
}

impl Relay {
    pub(super) fn new(seed: u64, publication: &Publication) -> Relay {
        let mut relay =
            Relay { seed, tracker: None, wakes_at: None, next_stream: 0, streams: BTreeMap::new() };
        relay.start(Instant::ZERO, publication);
        relay
    }

    fn start(&mut self, now: Instant, publication: &Publication) {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_be_bytes());
        let mut tracker = Tracker::new(tracker::Config {
            seed,
            minimum_viewers: MINIMUM_VIEWERS,
            maximum_sessions: MAXIMUM_SESSIONS,
            relay_id: Bytes::from_static(RELAY_ID),
            started_unix_seconds: STARTED_UNIX_SECONDS,
        });
        let (presentation, publisher) = (publication.presentation, publication.publisher);
        tracker.handle(now, tracker::Input::Presentation { presentation, publisher });
        self.tracker = Some(tracker);
    }
}

impl World {
    /// Sessions that the tracker knows.
    pub(super) fn joined(&self) -> u32 {
        self.relay.tracker.as_ref().map_or(0, |tracker| tracker.viewers(&self.publication.presentation))
    }

    pub(super) fn stop_relay(&mut self) {
        self.relay.tracker = None;
        self.relay.wakes_at = None;
        for (stream, lost) in std::mem::take(&mut self.relay.streams) {
            let delay = self.draw_duration(200, 3_000);
            self.later(delay, Event::FromRelay { stream, to: lost.viewer, input: Input::RelayLost });
        }
    }

    pub(super) fn start_relay(&mut self) {
        let publication = self.publication.clone();
        self.relay.start(self.now, &publication);
    }

    fn relay_path(&self, id: ViewerId) -> Option<Path> {
        self.viewers.get(id.0).map(|viewer| Path::between(&viewer.plan.access, &SERVER))
    }

    pub(super) fn fetch_ticket(&mut self, id: ViewerId, session: SessionKey, seal: SealKey) {
        let Some(path) = self.relay_path(id) else { return };
        let ticket = self.relay.tracker.is_some().then(|| self.publication.ticket(session, seal, self.now));
        let delay = path.round_trip() * 2 + self.draw_duration(1, 10);
        self.later(delay, Event::Input(id, Input::Ticket(ticket)));
    }

    pub(super) fn connect_relay(&mut self, id: ViewerId) {
        let Some(path) = self.relay_path(id) else { return };
        self.relay.next_stream += 1;
        let stream = StreamKey(self.relay.next_stream);
        if let Some(viewer) = self.viewer_mut(id) {
            viewer.stream = Some(stream);
        }
        if self.relay.tracker.is_none() {
            let delay = self.draw_duration(500, 3_000);
            return self.later(delay, Event::FromRelay { stream, to: id, input: Input::RelayLost });
        }
        let arrives = [self.now + path.round_trip() * 3, self.now + path.round_trip() * 4];
        self.relay.streams.insert(stream, Stream { viewer: id, arrives });
        let transport_id = Bytes::copy_from_slice(&(id.0 as u64).to_be_bytes());
        let prefix = vec![10, (id.0 / 250) as u8, (id.0 % 250) as u8];
        let opened = tracker::Input::Opened { stream, transport_id: transport_id.clone(), prefix };
        self.queue.push(arrives[0], Event::ToTracker(opened));
        let relay_id = Bytes::from_static(RELAY_ID);
        let input = Input::RelayConnected { relay_id, transport_id };
        self.queue.push(arrives[1], Event::FromRelay { stream, to: id, input });
    }

    pub(super) fn disconnect_relay(&mut self, id: ViewerId) {
        let Some(stream) = self.viewer_mut(id).and_then(|viewer| viewer.stream.take()) else { return };
        self.close_stream(stream, Duration::ZERO);
    }

    /// The relay learns after `patience` that a stream is over.
    pub(super) fn close_stream(&mut self, stream: StreamKey, patience: Duration) {
        let Some(closed) = self.relay.streams.remove(&stream) else { return };
        let [to_relay, _] = closed.arrives;
        let at = to_relay.max(self.now + Duration::from_millis(20)) + patience;
        self.queue.push(at, Event::ToTracker(tracker::Input::Closed { stream }));
    }

    pub(super) fn send_relay(&mut self, id: ViewerId, message: Bytes) {
        let Some(stream) = self.viewers.get(id.0).and_then(|viewer| viewer.stream) else { return };
        self.count_signalling(id, message.len());
        let delay = self.stream_delay(id, message.len());
        let now = self.now;
        let Some(open) = self.relay.streams.get_mut(&stream) else { return };
        open.arrives[0] = open.arrives[0].max(now + delay);
        let at = open.arrives[0];
        self.queue.push(at, Event::ToTracker(tracker::Input::Message { stream, message }));
    }

    fn stream_delay(&mut self, id: ViewerId, size_bytes: usize) -> Duration {
        let Some(path) = self.relay_path(id) else { return Duration::ZERO };
        path.transit(size_bytes, &mut |below| self.draw(below))
    }

    fn count_signalling(&mut self, id: ViewerId, size_bytes: usize) {
        if let Some(viewer) = self.viewer_mut(id) {
            viewer.tally.signalling_bytes += size_bytes as u64;
        }
    }

    pub(super) fn tell_tracker(&mut self, input: tracker::Input) {
        let now = self.now;
        let Some(mut tracker) = self.relay.tracker.take() else { return };
        self.trace.record(now, u64::MAX, &input);
        tracker.handle(now, input);
        self.drain_tracker(tracker);
    }

    pub(super) fn tracker_timer(&mut self) {
        let now = self.now;
        self.relay.wakes_at = None;
        let Some(mut tracker) = self.relay.tracker.take() else { return };
        if tracker.poll_timeout().is_some_and(|at| at <= now) {
            tracker.handle_timeout(now);
        }
        self.drain_tracker(tracker);
    }

    fn drain_tracker(&mut self, mut tracker: Tracker) {
        while let Some(effect) = tracker.poll_effect() {
            self.trace.record(self.now, u64::MAX, &effect);
            match effect {
                tracker::Effect::Send { stream, message } => {
                    self.tracker_says(stream, Input::RelayMessage(message));
                }
                tracker::Effect::Close { stream } => {
                    self.tracker_says(stream, Input::RelayLost);
                    self.relay.streams.remove(&stream);
                }
                _ => {}
            }
        }
        let due = tracker.poll_timeout();
        self.relay.tracker = Some(tracker);
        let Some(due) = due.filter(|due| self.relay.wakes_at.is_none_or(|at| *due < at)) else { return };
        self.relay.wakes_at = Some(due);
        self.queue.push(due.max(self.now), Event::TrackerTimer);
    }

    fn tracker_says(&mut self, stream: StreamKey, input: Input) {
        let size_bytes = if let Input::RelayMessage(message) = &input { message.len() } else { 0 };
        let Some(to) = self.relay.streams.get(&stream).map(|open| open.viewer) else { return };
        self.count_signalling(to, size_bytes);
        let delay = self.stream_delay(to, size_bytes);
        let now = self.now;
        let Some(open) = self.relay.streams.get_mut(&stream) else { return };
        open.arrives[1] = open.arrives[1].max(now + delay);
        let at = open.arrives[1];
        self.queue.push(at, Event::FromRelay { stream, to, input });
    }

    /// Only the stream that the node opened last speaks to it.
    pub(super) fn hear_relay(&mut self, stream: StreamKey, to: ViewerId, input: Input) {
        let is_lost = matches!(input, Input::RelayLost);
        let Some(viewer) = self.viewer_mut(to).filter(|viewer| viewer.stream == Some(stream)) else { return };
        if is_lost {
            viewer.stream = None;
        }
        self.input(to, input);
    }
}
