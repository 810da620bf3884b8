use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures::future::try_join_all;
use thetab_wire::SegmentId;
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    loads::LoadError,
    node::EdgeNode,
    origin::HttpError,
    playlist::{Playlist, PlaylistSegment},
};

/// Media that is loaded ahead of the playhead.
const BUFFER: Duration = Duration::from_secs(12);
/// A segment that is late already is still given this long before it is fetched past the node.
const LEAST_SLACK: Duration = Duration::from_secs(2);
/// Segments before the last one at which a live stream is joined.
const LIVE_DELAY_SEGMENTS: usize = 3;

/// Asks a node for segments as a player does, without showing anything: with a buffer, a clock that stands
/// still while it stalls, and plain HTTP where the node cannot help.
#[derive(Debug)]
pub struct Viewer<'a> {
    node: &'a EdgeNode,
    renditions: Vec<u16>,
    speed: u32,
}

/// What a viewer saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Segments, initialisation sections among them.
    pub segments: u64,
    /// Their bytes that came from peers.
    pub peer_bytes: u64,
    /// Their bytes that the node read from the origin.
    pub origin_bytes: u64,
    /// Their bytes that were fetched past the node.
    pub plain_bytes: u64,
    /// How long playback stood still after it had begun.
    pub stalled: Duration,
}

impl<'a> Viewer<'a> {
    /// A viewer of `renditions`, the video one first.
    pub fn new(node: &'a EdgeNode, renditions: Vec<u16>) -> Viewer<'a> {
        Viewer { node, renditions, speed: 1 }
    }

    /// Plays so many times faster than the clock.
    pub fn at_speed(self, speed: u32) -> Viewer<'a> {
        Viewer { speed: speed.max(1), ..self }
    }

    /// Watches to the end, which a live stream does not have. `see` gets every segment's bytes.
    ///
    /// # Errors
    /// [`HttpError`] when neither the node nor the origin has a segment. A node that is closed is a
    /// viewer whose every segment comes past it.
    pub async fn watch(&self, mut see: impl FnMut(SegmentId, &[Bytes])) -> Result<Watched, HttpError> {
        let mut watched = Watched::default();
        let inits = self.renditions.iter().map(|rendition| SegmentId::init(*rendition));
        self.load(inits, LEAST_SLACK, &mut watched, &mut see).await?;
        let mut playlist = self.playlist().await?;
        let mut clock = Clock { speed: self.speed, begun: Instant::now() };
        let (mut next, mut start) = (first(&playlist), Duration::ZERO);
        let mut unplayed = VecDeque::new();
        while let Some(segment) = self.segment(&mut playlist, next).await? {
            sleep_until(clock.at(start.saturating_sub(BUFFER))).await;
            unplayed.push_back((start, segment.sequence));
            while unplayed.get(1).is_some_and(|(start, _)| *start <= clock.position()) {
                unplayed.pop_front();
            }
            let playhead = unplayed.front().map_or(next, |(_, sequence)| *sequence);
            self.node.playhead(self.renditions.clone(), playhead, playlist.last_sequence());
            let slack = clock.until(start).max(LEAST_SLACK);
            let all = self.renditions.iter().map(|rendition| SegmentId::media(*rendition, segment.sequence));
            self.load(all, slack, &mut watched, &mut see).await?;
            watched.stalled += clock.wait_for(start);
            start += segment.duration;
            next = segment.sequence.saturating_add(1);
        }
        Ok(watched)
    }

    async fn playlist(&self) -> Result<Playlist, HttpError> {
        self.node.playlist(self.renditions.first().copied().unwrap_or(0)).await
    }

    /// The segment `next`, once it exists; `None` after the last one.
    async fn segment(
        &self,
        playlist: &mut Playlist,
        next: u64,
    ) -> Result<Option<PlaylistSegment>, HttpError> {
        loop {
            let found = playlist.segment(next);
            // A viewer that fell out of a live window goes on where it begins.
            let found = found.or(playlist.segments.first().copied().filter(|first| first.sequence > next));
            if found.is_some() || playlist.is_ended {
                return Ok(found);
            }
            let duration = playlist.segments.last().map_or(LEAST_SLACK, |segment| segment.duration);
            sleep(duration / 2).await;
            *playlist = self.playlist().await?;
        }
    }

    async fn load(
        &self,
        segments: impl Iterator<Item = SegmentId>,
        slack: Duration,
        watched: &mut Watched,
        see: &mut impl FnMut(SegmentId, &[Bytes]),
    ) -> Result<(), HttpError> {
        let loads = segments.map(|segment| self.load_one(segment, slack));
        for loaded in try_join_all(loads).await? {
            let segment = loaded.segment;
            see(segment, &loaded.pieces);
            watched.segments += 1;
            watched.peer_bytes += loaded.peer_bytes;
            watched.origin_bytes += loaded.origin_bytes;
            watched.plain_bytes += loaded.plain_bytes;
        }
        Ok(())
    }

    async fn load_one(&self, segment: SegmentId, slack: Duration) -> Result<Loaded, HttpError> {
        match self.node.load(segment, slack).await {
            Ok(loaded) => Ok(Loaded {
                segment,
                peer_bytes: loaded.delivery.peer_bytes,
                origin_bytes: loaded.delivery.origin_bytes,
                plain_bytes: 0,
                pieces: loaded.pieces,
            }),
            Err(LoadError::PlainHttp | LoadError::Closed) => {
                let payload = self.node.fetch_plainly(segment).await?;
                self.node.offer(segment, payload.clone());
                let plain_bytes = payload.len() as u64;
                Ok(Loaded { segment, pieces: vec![payload], plain_bytes, peer_bytes: 0, origin_bytes: 0 })
            }
        }
    }
}

struct Loaded {
    segment: SegmentId,
    pieces: Vec<Bytes>,
    peer_bytes: u64,
    origin_bytes: u64,
    plain_bytes: u64,
}

/// The clock of playback: media time, which stands still while a segment is awaited.
struct Clock {
    speed: u32,
    begun: Instant,
}

impl Clock {
    fn position(&self) -> Duration {
        self.begun.elapsed() * self.speed
    }

    /// When playback gets to `media`.
    fn at(&self, media: Duration) -> Instant {
        self.begun + media / self.speed
    }

    fn until(&self, media: Duration) -> Duration {
        self.at(media).saturating_duration_since(Instant::now())
    }

    /// The segment that begins at `start` is there now: how long playback had to wait for it. The first one
    /// begins it all.
    fn wait_for(&mut self, start: Duration) -> Duration {
        let late = Instant::now().saturating_duration_since(self.at(start));
        self.begun += late;
        if start.is_zero() { Duration::ZERO } else { late }
    }
}

/// Where to begin: at the start, or near the end of a stream that goes on.
fn first(playlist: &Playlist) -> u64 {
    let segments = &playlist.segments;
    let index = if playlist.is_ended { 0 } else { segments.len().saturating_sub(LIVE_DELAY_SEGMENTS) };
    segments.get(index).map_or(0, |segment| segment.sequence)
}
