use alloc::collections::BTreeMap;
use core::time::Duration;

use thetab_sansio::Instant;
use thetab_wire::SessionKey;

/// Peers to leave alone for a while. Bounded: a stranger who makes up sessions pushes out the one that ends first.
#[derive(Debug, Default)]
pub(super) struct Avoided {
    peers: BTreeMap<SessionKey, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    until: Instant,
    times: u32,
}

const CAPACITY: usize = 512;
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// What lies so far behind the end of a pause is forgiven.
const MEMORY: Duration = Duration::from_secs(300);

impl Avoided {
    /// Whether `peer` is to be left alone at `now`.
    pub(super) fn contains(&self, now: Instant, peer: &SessionKey) -> bool {
        self.peers.get(peer).is_some_and(|entry| entry.until > now)
    }

    /// Leaves `peer` alone until `until`.
    pub(super) fn insert(&mut self, peer: SessionKey, until: Instant) {
        self.set(peer, Entry { until, times: 0 });
    }

    /// Leaves `peer` alone for ten seconds, and twice as long each further time, up to five minutes.
    pub(super) fn insert_again(&mut self, now: Instant, peer: SessionKey) {
        let known = self.peers.get(&peer).filter(|entry| entry.until + MEMORY > now);
        let times = known.map_or(0, |entry| entry.times);
        let until = now + FIRST_PAUSE * (1 << times.min(5));
        self.set(peer, Entry { until, times: times.saturating_add(1) });
    }

    /// Forgets `peer`.
    pub(super) fn remove(&mut self, peer: &SessionKey) {
        self.peers.remove(peer);
    }

    fn set(&mut self, peer: SessionKey, entry: Entry) {
        self.peers.insert(peer, entry);
        if self.peers.len() > CAPACITY {
            let first = self.peers.iter().min_by_key(|(peer, entry)| (entry.until, **peer));
            if let Some(first) = first.map(|(peer, _)| *peer) {
                self.peers.remove(&first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_fails_again_is_left_alone_for_longer() {
        let at = |secs: u64| Instant::from_millis(secs * 1000);
        let (mut avoided, peer) = (Avoided::default(), SessionKey([1; 32]));
        avoided.insert_again(at(0), peer);
        assert!(avoided.contains(at(9), &peer) && !avoided.contains(at(10), &peer));
        avoided.insert_again(at(10), peer);
        assert!(avoided.contains(at(29), &peer) && !avoided.contains(at(30), &peer));
        avoided.remove(&peer);
        assert!(!avoided.contains(at(29), &peer));
    }

    #[test]
    fn old_failures_are_forgiven() {
        let at = |secs: u64| Instant::from_millis(secs * 1000);
        let (mut avoided, peer) = (Avoided::default(), SessionKey([1; 32]));
        avoided.insert_again(at(0), peer);
        avoided.insert_again(at(10), peer);
        avoided.insert_again(at(330), peer);
        assert!(!avoided.contains(at(340), &peer));
    }

    #[test]
    fn strangers_cannot_make_it_grow() {
        let mut avoided = Avoided::default();
        for number in 0..2000u64 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            avoided.insert(SessionKey(key), Instant::from_millis(number));
        }
        assert_eq!(avoided.peers.len(), CAPACITY);
        assert!(
            avoided.peers.values().all(|entry| entry.until >= Instant::from_millis(2000 - CAPACITY as u64))
        );
    }
}
