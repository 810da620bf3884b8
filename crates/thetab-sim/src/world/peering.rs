//! Connections between tabs: signalled through the relay by the nodes themselves, modelled from there on.

use std::time::Duration;

use bytes::Bytes;
use thetab_node::{ConnectionId, Input, SharingMode};
use thetab_sansio::Instant;
use thetab_wire::bulk::HEADER_SIZE_BYTES;

use super::{World, event::Event};
use crate::{
    ViewerId,
    access::{Path, Pipe},
};

/// The host says that there is room when a bulk channel's buffer is not above this.
const LOW_WATER_BYTES: usize = 128 * 1024;
/// What a browser refuses to buffer.
const MAX_BUFFERED_BYTES: usize = 16 * 1024 * 1024;
/// Bytes around each message on the network.
const OVERHEAD_BYTES: usize = 60;
const SMALLEST_BURST_BYTES: u64 = 64 * 1024;

/// Which data channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Control,
    Bulk,
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Endpoint {
    offers: bool,
    remote: Option<(ViewerId, ConnectionId)>,
    has_candidates: bool,
    is_connecting: bool,
    is_open: bool,
    buffered_bytes: usize,
    /// When the last control message arrives at the other end: the channel is ordered.
    control_arrives: Instant,
    /// What loss leaves of the path in this direction.
    path: Option<(Path, Pipe)>,
}

impl World {
    pub(super) fn open_connection(&mut self, id: ViewerId, connection: ConnectionId, offers: bool) {
        if !self.viewers.get(id.0).is_some_and(|viewer| World::is_yes(viewer.sharing)) {
            self.violated(format!("{id} opens a connection without a yes"));
        }
        let endpoint = Endpoint {
            offers,
            remote: None,
            has_candidates: false,
            is_connecting: false,
            is_open: false,
            buffered_bytes: 0,
            control_arrives: Instant::ZERO,
            path: None,
        };
        self.endpoints.insert((id, connection), endpoint);
        if offers {
            self.describe(id, connection);
        }
    }

    /// The description says nothing to the nodes; here it names the endpoint.
    fn describe(&mut self, id: ViewerId, connection: ConnectionId) {
        let sdp = format!("v=0 simulated {} {}", id.0, connection.0);
        let described = self.draw_duration(5, 30);
        self.later(described, Event::Input(id, Input::Described { connection, sdp }));
        let gathered = described + self.draw_duration(1, 60);
        for (index, end) in [false, true].into_iter().enumerate() {
            let candidate = (!end).then(|| format!("candidate:1 1 udp 1 192.0.2.{} 9 typ host", id.0 % 250));
            let at = gathered + Duration::from_millis(20 * index as u64);
            self.later(at, Event::Input(id, Input::LocalCandidate { connection, candidate }));
        }
    }

    pub(super) fn remote_description(&mut self, id: ViewerId, connection: ConnectionId, sdp: &str) {
        let mut numbers = sdp.split(' ').skip(2).map(str::parse::<u64>);
        let (Some(Ok(viewer)), Some(Ok(number))) = (numbers.next(), numbers.next()) else {
            return self.violated(format!("{id} was given the description {sdp:?}, which nobody made"));
        };
        let Some(endpoint) = self.endpoints.get_mut(&(id, connection)) else { return };
        endpoint.remote = Some((ViewerId(viewer as usize), ConnectionId(number)));
        let answers = !endpoint.offers;
        if answers {
            self.describe(id, connection);
        }
        self.try_connect(id, connection);
    }

    pub(super) fn remote_candidates(&mut self, id: ViewerId, connection: ConnectionId, count: usize) {
        let Some(endpoint) = self.endpoints.get_mut(&(id, connection)) else { return };
        endpoint.has_candidates |= count > 0;
        self.try_connect(id, connection);
    }

    /// Connects two ends that know each other, after the round trips that it takes.
    fn try_connect(&mut self, id: ViewerId, connection: ConnectionId) {
        let here = (id, connection);
        let Some(there) = self.endpoints.get(&here).and_then(|endpoint| endpoint.remote) else { return };
        let knows = |world: &World, one, other| {
            world.endpoints.get(&one).is_some_and(|endpoint| {
                endpoint.remote == Some(other) && endpoint.has_candidates && !endpoint.is_connecting
            })
        };
        if !knows(self, here, there) || !knows(self, there, here) {
            return;
        }
        let Some(path) = self.path(id, there.0) else { return };
        let failing = self.failing_percent(id).max(self.failing_percent(there.0));
        let fails = self.draw(100) < u64::from(failing);
        for end in [here, there] {
            if let Some(endpoint) = self.endpoints.get_mut(&end) {
                endpoint.is_connecting = true;
                endpoint.path = Some((path, Pipe::new(path.bytes_per_second())));
            }
            let extra = self.draw_duration(0, 40);
            let (at, connection) = end;
            if fails {
                self.later(Duration::from_secs(8), Event::EndClosed { at, connection });
            } else {
                let delay = path.round_trip() * 4 + extra;
                self.later(delay, Event::ChannelsOpen { at, connection });
            }
        }
    }

    fn failing_percent(&self, id: ViewerId) -> u32 {
        self.viewers.get(id.0).map_or(0, |viewer| viewer.plan.access.failing_attempts_percent)
    }

    fn path(&self, one: ViewerId, other: ViewerId) -> Option<Path> {
        let access = |id: ViewerId| self.viewers.get(id.0).map(|viewer| viewer.plan.access);
        Some(Path::between(&access(one)?, &access(other)?))
    }

    pub(super) fn channels_open(&mut self, at: ViewerId, connection: ConnectionId) {
        let Some(endpoint) = self.endpoints.get_mut(&(at, connection)) else { return };
        endpoint.is_open = true;
        if let Some(viewer) = self.viewer_mut(at) {
            viewer.tally.opened += 1;
        }
        self.note(|| format!("{at}: a link opens"));
        self.input(at, Input::Opened { connection });
    }

    pub(super) fn end_closed(&mut self, at: ViewerId, connection: ConnectionId) {
        if self.endpoints.remove(&(at, connection)).is_some() {
            self.note(|| format!("{at}: a link closes"));
            self.input(at, Input::Closed { connection });
        }
    }

    pub(super) fn close_connection(&mut self, id: ViewerId, connection: ConnectionId) {
        let Some(endpoint) = self.endpoints.remove(&(id, connection)) else { return };
        let Some(((at, connection), (path, _))) = endpoint.remote.zip(endpoint.path) else { return };
        self.later(path.delay + path.jitter, Event::EndClosed { at, connection });
    }

    pub(super) fn send_control(&mut self, id: ViewerId, connection: ConnectionId, message: Bytes) {
        self.send(id, connection, Channel::Control, message);
    }

    pub(super) fn send_bulk(&mut self, id: ViewerId, connection: ConnectionId, frame: Bytes) {
        self.hold_to_the_cap(id, frame.len().saturating_sub(HEADER_SIZE_BYTES) as u64);
        let Some(endpoint) = self.endpoints.get_mut(&(id, connection)) else { return };
        endpoint.buffered_bytes += frame.len();
        let buffered = endpoint.buffered_bytes;
        if buffered > MAX_BUFFERED_BYTES {
            self.violated(format!("{id} fills a channel with {buffered} bytes"));
        }
        self.send(id, connection, Channel::Bulk, frame);
    }

    /// What is given stays within the visitor's cap, but for what a quarter of a second allows at once.
    fn hold_to_the_cap(&mut self, id: ViewerId, size_bytes: u64) {
        let now = self.now;
        let Some(viewer) = self.viewer_mut(id) else { return };
        let is_allowed = viewer.sharing == Some(SharingMode::Share);
        let cap = viewer.plan.upload_cap_bytes_per_second;
        let (left, at) = viewer.allowance;
        let earned = cap.saturating_mul(now.saturating_since(at).as_micros() as u64) / 1_000_000;
        let burst = (cap / 4).max(SMALLEST_BURST_BYTES) + SMALLEST_BURST_BYTES;
        let left = left.saturating_add(earned).min(burst);
        viewer.allowance = (left.saturating_sub(size_bytes), now);
        viewer.tally.given_bytes += size_bytes;
        let is_honest = viewer.is_honest();
        if !is_allowed {
            self.violated(format!("{id} gives bytes without a yes to it"));
        } else if left < size_bytes && is_honest {
            self.violated(format!("{id} gives more than its cap of {cap} bytes a second"));
        }
    }

    fn send(&mut self, id: ViewerId, connection: ConnectionId, channel: Channel, message: Bytes) {
        let (now, size_bytes) = (self.now, message.len() + OVERHEAD_BYTES);
        let Some(endpoint) = self.endpoints.get_mut(&(id, connection)) else { return };
        let Some(((to, at), (path, pipe))) = endpoint.remote.zip(endpoint.path.as_mut()) else { return };
        let Some(uplink) = self.uplinks.get_mut(id.0) else { return };
        let departs = uplink.pass(now, size_bytes).max(pipe.pass(now, size_bytes));
        let random = &mut self.random;
        let transit = path.transit(size_bytes, &mut |below| {
            use rand_core::RngCore as _;
            random.next_u64() % below.max(1)
        });
        let mut lands = departs + transit;
        if channel == Channel::Control {
            lands = lands.max(endpoint.control_arrives);
            endpoint.control_arrives = lands;
        } else {
            let size_bytes = message.len();
            self.queue.push(departs, Event::Departed { from: id, connection, size_bytes });
        }
        self.queue.push(lands, Event::Landed { to, connection: at, channel, message });
    }

    pub(super) fn departed(&mut self, from: ViewerId, connection: ConnectionId, size_bytes: usize) {
        let Some(endpoint) = self.endpoints.get_mut(&(from, connection)) else { return };
        endpoint.buffered_bytes = endpoint.buffered_bytes.saturating_sub(size_bytes);
        let buffered_bytes = endpoint.buffered_bytes;
        if buffered_bytes <= LOW_WATER_BYTES {
            self.input(from, Input::Buffered { connection, buffered_bytes });
        }
    }

    pub(super) fn landed(
        &mut self,
        to: ViewerId,
        connection: ConnectionId,
        channel: Channel,
        message: Bytes,
    ) {
        let Some(downlink) = self.downlinks.get_mut(to.0) else { return };
        let arrives = downlink.pass(self.now, message.len() + OVERHEAD_BYTES);
        self.queue.push(arrives, Event::Arrived { to, connection, channel, message });
    }

    pub(super) fn arrived(
        &mut self,
        to: ViewerId,
        connection: ConnectionId,
        channel: Channel,
        message: Bytes,
    ) {
        if !self.endpoints.contains_key(&(to, connection)) {
            return;
        }
        self.input(
            to,
            match channel {
                Channel::Control => Input::Control { connection, message },
                Channel::Bulk => Input::Bulk { connection, frame: message },
            },
        );
    }

    /// All connections of a tab that is gone: the others learn it at once when it left, after a while when it crashed.
    pub(super) fn drop_connections(&mut self, id: ViewerId, crashed: bool) {
        let ends: Vec<(ViewerId, ConnectionId)> =
            self.endpoints.keys().filter(|(viewer, _)| *viewer == id).copied().collect();
        for end in ends {
            let remote = self.endpoints.remove(&end).and_then(|endpoint| endpoint.remote);
            let delay = if crashed { self.draw_duration(6_000, 15_000) } else { self.draw_duration(20, 200) };
            if let Some((at, connection)) = remote {
                self.later(delay, Event::EndClosed { at, connection });
            }
        }
    }
}
