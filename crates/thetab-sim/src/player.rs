//! A player as the swarm sees it: it asks for segments in order, plays them in real time, and stalls without them.
//!
//! Follows `www/player`: one load at a time for each track, slack as the time until the playhead gets there, the
//! node first and plain HTTP whenever the node says so, fails to answer or is not there yet.

use std::{collections::BTreeSet, time::Duration};

use thetab_sansio::Instant;
use thetab_swarm::RequestId;
use thetab_wire::{SegmentId, SegmentKind};

use crate::publication::{Ladder, WINDOW_SEGMENTS};

const AHEAD_MS: u64 = 30_000;
const LIVE_AHEAD_MS: u64 = 20_000;
/// Kept ahead in the player while the node keeps more.
const AHEAD_WITH_PEERS_MS: u64 = 20_000;
/// Kept ahead while peers are being found, and for how long at most.
const AHEAD_WITHOUT_PEERS_MS: u64 = 10_000;
const PATIENCE: Duration = Duration::from_secs(10);
const BEHIND_MS: u64 = 30_000;
/// A request is given up when its bytes stop for this long and playback would soon stall.
const IDLE_LIMIT: Duration = Duration::from_millis(1500);
const CHECK_EVERY: Duration = Duration::from_millis(500);
/// And in any case this long after playback stalled.
const LATEST: Duration = Duration::from_secs(6);
const TICK: Duration = Duration::from_secs(1);
/// What must be buffered before playback begins again.
const RESUME_MS: u64 = 500;
/// Segments kept between the playhead and the edge of a live presentation.
const LIVE_SYNC_SEGMENTS: u64 = 3;
const MAX_RETRY: Duration = Duration::from_secs(3);

/// What the host must do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask the node.
    Ask { request: RequestId, segment: SegmentId, deadline: Instant },
    /// Tell the node that it is no longer wanted.
    Abandon { request: RequestId },
    /// Fetch it over plain HTTP.
    FetchPlain { request: RequestId, segment: SegmentId },
    /// Stop that.
    CancelPlain { request: RequestId },
    /// Read the playlist again.
    Refresh,
    /// The first frame is there: the node may load.
    Playing,
    /// Tell the node where the player is.
    Playhead { renditions: Vec<u16>, sequence: u64, last_sequence: u64 },
    /// Playback began or ended.
    Paused(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the playlist is there.
    Idle,
    /// Before the first frame, or after a seek.
    Loading,
    Playing {
        since: Instant,
        from_ms: u64,
    },
    Stalled {
        since: Instant,
    },
    Ended,
}

/// Something that playback waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stall {
    pub(crate) at: Instant,
    pub(crate) lasted: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Load {
    request: RequestId,
    segment: SegmentId,
    is_plain: bool,
    check_at: Instant,
    latest: Instant,
}

#[derive(Debug)]
struct Track {
    rendition: u16,
    inits: BTreeSet<u16>,
    next: u64,
    buffered_ms: u64,
    load: Option<Load>,
    retry_at: Instant,
    failures: u32,
}

/// One player.
#[derive(Debug)]
pub(crate) struct Player {
    segment_ms: u64,
    is_live: bool,
    end_ms: Option<u64>,
    start_sequence: u64,
    tracks: Vec<Track>,
    state: State,
    /// Where the playhead was when `state` began, unless it moves.
    position_ms: u64,
    buffered_from_ms: u64,
    last: u64,
    next_request: u64,
    tick_at: Instant,
    refresh_at: Option<Instant>,
    started: Instant,
    first_frame: Option<Duration>,
    /// The node answers.
    pub(crate) has_node: bool,
    /// The node said yes to sharing and has no link yet, though others watch.
    pub(crate) is_waiting_for_peers: bool,
    /// The node has links.
    pub(crate) has_peers: bool,
    /// When bytes last came in for the node.
    pub(crate) progressed: Instant,
    pub(crate) stalls: Vec<Stall>,
    /// Media time that was played.
    pub(crate) played: Duration,
    /// Live segments that were jumped over.
    pub(crate) skipped: u64,
}

impl Player {
    pub(crate) fn new(ladder: &Ladder, rendition: u16, start_sequence: u64) -> Player {
        let track = |rendition| Track {
            rendition,
            inits: BTreeSet::new(),
            next: 0,
            buffered_ms: 0,
            load: None,
            retry_at: Instant::ZERO,
            failures: 0,
        };
        Player {
            segment_ms: ladder.segment_ms(),
            is_live: ladder.segments.is_none(),
            end_ms: ladder.segments.map(|count| count * ladder.segment_ms()),
            start_sequence,
            tracks: [Some(rendition), ladder.audio()].into_iter().flatten().map(track).collect(),
            state: State::Idle,
            position_ms: 0,
            buffered_from_ms: 0,
            last: 0,
            next_request: 0,
            tick_at: Instant::ZERO,
            refresh_at: None,
            started: Instant::ZERO,
            first_frame: None,
            has_node: false,
            is_waiting_for_peers: false,
            has_peers: false,
            progressed: Instant::ZERO,
            stalls: Vec::new(),
            played: Duration::ZERO,
            skipped: 0,
        }
    }

    /// The page opened.
    pub(crate) fn start(&mut self, now: Instant) -> Vec<Action> {
        self.started = now;
        vec![Action::Refresh]
    }

    /// The playlist was read: `last` is the newest segment in it.
    pub(crate) fn edge(&mut self, now: Instant, last: u64) -> Vec<Action> {
        let grew = last > self.last;
        self.last = last;
        if self.is_live {
            self.refresh_at = Some(now + Duration::from_millis(self.segment_ms / if grew { 1 } else { 2 }));
        }
        if self.state == State::Idle {
            self.state = State::Loading;
            let live_start = (last + 1).saturating_sub(LIVE_SYNC_SEGMENTS);
            self.jump(if self.is_live { live_start } else { self.start_sequence });
            self.tick_at = now;
        }
        let mut actions = self.fall_forward();
        // The playlist is what the page learns the edge from; it tells the node at once.
        actions.extend(self.playhead(now).filter(|_| self.first_frame.is_some()));
        actions.extend(self.poll(now));
        actions
    }

    /// The playlist could not be read.
    pub(crate) fn edge_lost(&mut self, now: Instant) {
        self.refresh_at = Some(now + Duration::from_secs(1));
    }

    fn jump(&mut self, sequence: u64) {
        self.position_ms = sequence * self.segment_ms;
        self.buffered_from_ms = self.position_ms;
        for track in &mut self.tracks {
            track.next = sequence;
            track.buffered_ms = self.position_ms;
        }
    }

    /// A live player that fell out of the window goes on near the edge.
    fn fall_forward(&mut self) -> Vec<Action> {
        let first = (self.last + 1).saturating_sub(WINDOW_SEGMENTS) * self.segment_ms;
        if !self.is_live || self.position_ms >= first || matches!(self.state, State::Playing { .. }) {
            return Vec::new();
        }
        let sequence = (self.last + 1).saturating_sub(LIVE_SYNC_SEGMENTS);
        self.skipped += sequence.saturating_sub(self.position_ms / self.segment_ms);
        let actions = self.abandon_all();
        self.jump(sequence);
        actions
    }

    /// Moves the playhead to `sequence`, as a visitor does.
    pub(crate) fn seek(&mut self, now: Instant, sequence: u64) -> Vec<Action> {
        if self.state == State::Idle {
            return Vec::new();
        }
        let mut actions = self.settle(now);
        let target_ms = sequence.min(self.last) * self.segment_ms;
        if (self.buffered_from_ms..self.buffered_ms()).contains(&target_ms) {
            self.position_ms = target_ms;
        } else {
            actions.extend(self.abandon_all());
            self.jump(sequence.min(self.last));
        }
        self.state = State::Loading;
        actions.extend(self.playhead(now));
        actions.extend(self.poll(now));
        actions
    }

    /// Plays another video rendition from the next segment on.
    pub(crate) fn switch(&mut self, now: Instant, rendition: u16) -> Vec<Action> {
        let mut actions = self.abandon(0);
        if let Some(video) = self.tracks.first_mut() {
            video.rendition = rendition;
        }
        actions.extend(self.playhead(now));
        actions.extend(self.poll(now));
        actions
    }

    fn abandon_all(&mut self) -> Vec<Action> {
        (0..self.tracks.len()).flat_map(|track| self.abandon(track)).collect()
    }

    fn abandon(&mut self, track: usize) -> Vec<Action> {
        let load = self.tracks.get_mut(track).and_then(|track| track.load.take());
        load.map(
            |Load { request, is_plain, .. }| {
                if is_plain { Action::CancelPlain { request } } else { Action::Abandon { request } }
            },
        )
        .into_iter()
        .collect()
    }

    /// The page closes.
    pub(crate) fn stop(&mut self, now: Instant) {
        let _ = self.settle(now);
        if let State::Stalled { since } = self.state {
            self.stalls.push(Stall { at: since, lasted: now - since });
        }
        self.state = State::Ended;
    }

    /// Whether the node owes an answer to `request`, and for which segment.
    pub(crate) fn awaits(&self, request: RequestId) -> Option<SegmentId> {
        let mut loads = self.tracks.iter().filter_map(|track| track.load);
        loads.find(|load| load.request == request && !load.is_plain).map(|load| load.segment)
    }

    /// The node's host says: fetch it yourself.
    pub(crate) fn refused(&mut self, request: RequestId) -> Vec<Action> {
        let mut loads = self.tracks.iter_mut().filter_map(|track| track.load.as_mut());
        let Some(load) = loads.find(|load| load.request == request && !load.is_plain) else {
            return Vec::new();
        };
        load.is_plain = true;
        vec![Action::FetchPlain { request, segment: load.segment }]
    }

    /// A load ended; whether with all bytes.
    pub(crate) fn loaded(&mut self, now: Instant, request: RequestId, success: bool) -> Vec<Action> {
        let segment_ms = self.segment_ms;
        let of_request = |track: &&mut Track| track.load.is_some_and(|load| load.request == request);
        let Some(track) = self.tracks.iter_mut().find(of_request) else { return Vec::new() };
        let Some(load) = track.load.take() else { return Vec::new() };
        if !success {
            track.failures += 1;
            track.retry_at = now + (Duration::from_millis(500) * track.failures).min(MAX_RETRY);
        } else if load.segment.kind == SegmentKind::Init {
            track.failures = 0;
            track.inits.insert(load.segment.rendition);
        } else {
            track.failures = 0;
            track.next = load.segment.sequence + 1;
            track.buffered_ms = track.next * segment_ms;
        }
        self.poll(now)
    }

    /// Does what is due at `now`.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = self.settle(now);
        for track in 0..self.tracks.len() {
            actions.extend(self.watch(now, track));
            actions.extend(self.load_next(now, track));
        }
        if self.refresh_at.is_some_and(|at| at <= now) {
            self.refresh_at = None;
            actions.push(Action::Refresh);
        }
        if self.first_frame.is_some() && self.tick_at <= now {
            self.tick_at = now + TICK;
            actions.extend(self.playhead(now));
        }
        actions
    }

    /// When [`poll`](Self::poll) is wanted.
    pub(crate) fn next_due(&self, now: Instant) -> Option<Instant> {
        let runs_dry = match self.state {
            State::Playing { since, from_ms } => {
                Some(since + Duration::from_millis(self.buffered_ms().saturating_sub(from_ms)))
            }
            _ => None,
        };
        let asked = self.tracks.iter().filter_map(|track| track.load).filter(|load| !load.is_plain);
        let checks = asked.map(|load| load.check_at);
        let retries = self.tracks.iter().filter(|track| track.load.is_none()).map(|track| track.retry_at);
        let tick = self.first_frame.map(|_| self.tick_at);
        // The buffer's goal is looked at again with each tick.
        let later = |at: &Instant| *at > now;
        let others = checks.chain(retries.filter(later)).chain(tick).chain(self.refresh_at);
        runs_dry.into_iter().chain(others).min()
    }

    /// Where the playhead is, in media time.
    pub(crate) fn position_ms(&self, now: Instant) -> u64 {
        match self.state {
            State::Playing { since, from_ms } => {
                let elapsed_ms = now.saturating_since(since).as_millis() as u64;
                (from_ms + elapsed_ms).min(self.buffered_ms().max(from_ms))
            }
            _ => self.position_ms,
        }
    }

    /// Up to where it can play without loading.
    pub(crate) fn buffered_ms(&self) -> u64 {
        self.tracks.iter().map(|track| track.buffered_ms).min().unwrap_or(0)
    }

    /// Time from the page's opening to the first frame.
    pub(crate) fn first_frame(&self) -> Option<Duration> {
        self.first_frame
    }

    /// Whether everything was played.
    pub(crate) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Stalls, one that is still going on at `now` among them.
    pub(crate) fn stalls(&self, now: Instant) -> Vec<Stall> {
        let open = match self.state {
            State::Stalled { since } => Some(Stall { at: since, lasted: now - since }),
            _ => None,
        };
        self.stalls.iter().copied().chain(open).collect()
    }

    /// Media time that was played until `now`.
    pub(crate) fn played(&self, now: Instant) -> Duration {
        match self.state {
            State::Playing { from_ms, .. } => {
                self.played + Duration::from_millis(self.position_ms(now) - from_ms)
            }
            _ => self.played,
        }
    }

    fn playhead(&self, now: Instant) -> Option<Action> {
        let renditions = self.tracks.iter().map(|track| track.rendition).collect();
        let sequence = (self.position_ms(now) / self.segment_ms).min(self.last);
        Some(Action::Playhead { renditions, sequence, last_sequence: self.last })
            .filter(|_| self.has_node && self.state != State::Idle)
    }

    /// Moves between playing and waiting.
    fn settle(&mut self, now: Instant) -> Vec<Action> {
        let buffered = self.buffered_ms();
        let at_end = self.end_ms.is_some_and(|end| buffered >= end);
        match self.state {
            State::Playing { from_ms, .. } => {
                let position = self.position_ms(now);
                self.played += Duration::from_millis(position - from_ms);
                self.position_ms = position;
                self.buffered_from_ms = self.buffered_from_ms.max(position.saturating_sub(BEHIND_MS));
                if position < buffered {
                    self.state = State::Playing { since: now, from_ms: position };
                    return Vec::new();
                }
                self.state = if at_end { State::Ended } else { State::Stalled { since: now } };
                if at_end { vec![Action::Paused(true)] } else { Vec::new() }
            }
            State::Loading | State::Stalled { .. } if self.can_play(at_end) => self.play(now),
            _ => Vec::new(),
        }
    }

    fn can_play(&self, at_end: bool) -> bool {
        let ahead = self.buffered_ms().saturating_sub(self.position_ms);
        ahead >= RESUME_MS || (at_end && ahead > 0)
    }

    fn play(&mut self, now: Instant) -> Vec<Action> {
        if let State::Stalled { since } = self.state {
            self.stalls.push(Stall { at: since, lasted: now - since });
        }
        self.state = State::Playing { since: now, from_ms: self.position_ms };
        if self.first_frame.is_some() {
            return vec![Action::Paused(false)];
        }
        self.first_frame = Some(now - self.started);
        vec![Action::Playing]
    }

    /// Gives a request of the node up shortly before playback would stall, unless its bytes are arriving.
    fn watch(&mut self, now: Instant, track: usize) -> Vec<Action> {
        let progressed = self.progressed;
        let Some(load) = self.tracks.get_mut(track).and_then(|track| track.load.as_mut()) else {
            return Vec::new();
        };
        if load.is_plain || load.check_at > now {
            return Vec::new();
        }
        if now.saturating_since(progressed) <= IDLE_LIMIT && now <= load.latest {
            load.check_at = now + CHECK_EVERY;
            return Vec::new();
        }
        load.is_plain = true;
        let Load { request, segment, .. } = *load;
        vec![Action::Abandon { request }, Action::FetchPlain { request, segment }]
    }

    fn load_next(&mut self, now: Instant, index: usize) -> Option<Action> {
        let (ahead_ms, position, can_play) = (self.ahead_ms(now), self.position_ms(now), self.can_play_now());
        let (segment_ms, last, has_node) = (self.segment_ms, self.last, self.has_node);
        let is_idle = matches!(self.state, State::Idle | State::Ended);
        let track = self.tracks.get_mut(index)?;
        let starts_ms = track.next * segment_ms;
        let full = starts_ms >= position + ahead_ms || track.next > last;
        if is_idle || track.load.is_some() || track.retry_at > now || full {
            return None;
        }
        let has_init = track.inits.contains(&track.rendition);
        let segment = if has_init {
            SegmentId::media(track.rendition, track.next)
        } else {
            SegmentId::init(track.rendition)
        };
        let slack_ms = if can_play && has_init { starts_ms.saturating_sub(position) } else { 0 };
        let slack = Duration::from_millis(slack_ms);
        self.next_request += 1;
        let request = RequestId(self.next_request);
        let check_at = now + slack.saturating_sub(IDLE_LIMIT).max(IDLE_LIMIT);
        let (deadline, latest) = (now + slack, now + slack + LATEST);
        track.load = Some(Load { request, segment, is_plain: !has_node, check_at, latest });
        // A request starts its own clock of idleness.
        self.progressed = self.progressed.max(now);
        Some(if has_node {
            Action::Ask { request, segment, deadline }
        } else {
            Action::FetchPlain { request, segment }
        })
    }

    fn can_play_now(&self) -> bool {
        matches!(self.state, State::Playing { .. })
    }

    fn ahead_ms(&self, now: Instant) -> u64 {
        let is_early = now.saturating_since(self.started) < PATIENCE;
        match self.is_live {
            _ if self.is_waiting_for_peers && is_early => AHEAD_WITHOUT_PEERS_MS,
            _ if self.has_peers => AHEAD_WITH_PEERS_MS,
            true => LIVE_AHEAD_MS,
            false => AHEAD_MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn started(ladder: &Ladder) -> Player {
        let mut player = Player::new(ladder, 0, 0);
        assert_eq!(player.start(at(0)), [Action::Refresh]);
        player
    }

    fn asked(actions: &[Action]) -> Option<(RequestId, SegmentId)> {
        actions.iter().find_map(|action| match action {
            Action::Ask { request, segment, .. } | Action::FetchPlain { request, segment } => {
                Some((*request, *segment))
            }
            _ => None,
        })
    }

    #[test]
    fn it_plays_in_real_time_stalls_without_a_segment_and_counts_the_wait() {
        let mut player = started(&Ladder::vod(3));
        let (init, _) = asked(&player.edge(at(10), 2)).unwrap();
        let (first, segment) = asked(&player.loaded(at(20), init, true)).unwrap();
        assert_eq!(segment, SegmentId::media(0, 0));
        let actions = player.loaded(at(30), first, true);
        assert!(actions.contains(&Action::Playing));
        let (second, _) = asked(&actions).unwrap();
        assert_eq!(player.next_due(at(30)), Some(at(1030)));
        let _ = player.poll(at(4030));
        let (third, _) = asked(&player.loaded(at(5030), second, true)).unwrap();
        assert_eq!(player.stalls(at(9000)), [Stall { at: at(4030), lasted: Duration::from_secs(1) }]);
        let _ = player.loaded(at(6000), third, true);
        let _ = player.poll(at(9030));
        assert!(player.poll(at(13_030)).contains(&Action::Paused(true)));
        assert!(player.has_ended());
        assert_eq!(player.played(at(20_000)), Duration::from_secs(12));
        assert_eq!(player.first_frame(), Some(Duration::from_millis(30)));
    }

    #[test]
    fn a_node_that_does_not_answer_is_left_for_plain_http_before_playback_stalls() {
        let mut player = started(&Ladder::vod(9));
        let (init, _) = asked(&player.edge(at(0), 8)).unwrap();
        let (first, _) = asked(&player.loaded(at(0), init, true)).unwrap();
        player.has_node = true;
        let actions = player.loaded(at(0), first, true);
        let (request, segment) = asked(&actions).unwrap();
        assert!(actions.contains(&Action::Ask { request, segment, deadline: at(4000) }));
        assert_eq!(player.awaits(request), Some(segment));
        assert_eq!(asked(&player.poll(at(2000))), None);
        let actions = player.poll(at(2500));
        assert!(actions.contains(&Action::Abandon { request }), "{actions:?}");
        assert!(actions.contains(&Action::FetchPlain { request, segment }));
        assert_eq!(player.awaits(request), None);
    }

    #[test]
    fn a_seek_out_of_the_buffer_loads_anew_and_is_no_stall() {
        let mut player = started(&Ladder::vod(60));
        let (init, _) = asked(&player.edge(at(0), 59)).unwrap();
        let (first, _) = asked(&player.loaded(at(0), init, true)).unwrap();
        let (second, _) = asked(&player.loaded(at(0), first, true)).unwrap();
        let actions = player.seek(at(1000), 30);
        assert!(actions.contains(&Action::CancelPlain { request: second }));
        let (there, segment) = asked(&actions).unwrap();
        assert_eq!(segment, SegmentId::media(0, 30));
        let _ = player.loaded(at(9000), there, true);
        assert_eq!(player.position_ms(at(9500)), 120_500);
        assert!(player.stalls(at(9500)).is_empty());
    }

    #[test]
    fn a_live_player_starts_three_segments_behind_the_edge_and_jumps_when_it_fell_out_of_the_window() {
        let mut player = started(&Ladder::live());
        let actions = player.edge(at(0), 14);
        assert_eq!(asked(&actions).unwrap().1, SegmentId::init(0));
        assert_eq!(player.position_ms(at(0)), 12 * 4000);
        let _ = player.edge(at(60_000), 40);
        assert_eq!(player.position_ms(at(60_000)), 38 * 4000);
        assert_eq!(player.skipped, 26);
    }
}
