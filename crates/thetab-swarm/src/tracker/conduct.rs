//! Who was reported by whom, and who is banned for it.
//!
//! Threat model: anyone may open sessions and report anyone it was introduced to, so a report alone
//! only keeps two sessions apart and puts the reported one last in line. A session is banned on reports
//! from two address prefixes that are not its own. A prefix, behind which many innocent viewers may
//! stand, is banned only when two of its sessions were banned on the word of three sessions, and even then only for new
//! joins. Left out: an attacker with addresses in several networks can still have single sessions banned.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::time::Duration;

use thetab_sansio::Instant;
use thetab_wire::SessionKey;

/// How long reports count and bans hold.
pub(super) const MEMORY: Duration = Duration::from_secs(600);

const REPORTING_PREFIXES: usize = 2;
const BANNED_SESSIONS: usize = 2;
const REPORTING_SESSIONS: usize = 3;
const MAXIMUM_REPORTERS: usize = 32;
const MAXIMUM_NAMES: usize = 4096;

/// What one report leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It had been said before, or there is no room to remember it.
    Ignored,
    /// Remembered.
    Noted,
    /// The reported session is banned.
    SessionBanned,
}

/// Names that are forgotten ten minutes after they were last written, and bounded in number.
#[derive(Debug)]
struct Fading<K, V> {
    entries: BTreeMap<K, (Instant, V)>,
}

impl<K: Ord + Clone, V: Default> Fading<K, V> {
    const fn new() -> Fading<K, V> {
        Fading { entries: BTreeMap::new() }
    }

    fn find(&self, now: Instant, key: &K) -> Option<&V> {
        self.entries.get(key).filter(|(until, _)| *until > now).map(|(_, value)| value)
    }

    /// The value of `key`, new if need be. When there are too many names the one that fades first goes.
    fn touch(&mut self, now: Instant, key: K) -> &mut V {
        if self.find(now, &key).is_none() {
            self.entries.remove(&key);
        }
        if self.entries.len() >= MAXIMUM_NAMES && !self.entries.contains_key(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, (until, _))| *until).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.entries.remove(&oldest);
            }
        }
        let entry = self.entries.entry(key).or_insert_with(|| (now, V::default()));
        entry.0 = now + MEMORY;
        &mut entry.1
    }

    fn sweep(&mut self, now: Instant) {
        self.entries.retain(|_, (until, _)| *until > now);
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[derive(Debug, Default)]
struct Strikes {
    sessions: BTreeSet<SessionKey>,
    reporters: BTreeSet<SessionKey>,
}

#[derive(Debug)]
pub(super) struct Conduct {
    /// Reported session -> reporter and its prefix.
    reports: Fading<SessionKey, BTreeMap<SessionKey, Vec<u8>>>,
    strikes: Fading<Vec<u8>, Strikes>,
    banned_sessions: Fading<SessionKey, ()>,
    banned_prefixes: Fading<Vec<u8>, ()>,
}

/// A session and the prefix it comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Party<'a> {
    pub(super) session: SessionKey,
    pub(super) prefix: &'a [u8],
}

impl Conduct {
    pub(super) const fn new() -> Conduct {
        Conduct {
            reports: Fading::new(),
            strikes: Fading::new(),
            banned_sessions: Fading::new(),
            banned_prefixes: Fading::new(),
        }
    }

    pub(super) fn is_banned(&self, now: Instant, party: Party<'_>) -> bool {
        let prefix = self.banned_prefixes.find(now, &party.prefix.to_vec());
        self.banned_sessions.find(now, &party.session).is_some() || prefix.is_some()
    }

    /// Whether anyone reported `session` lately.
    pub(super) fn is_suspect(&self, now: Instant, session: &SessionKey) -> bool {
        self.reports.find(now, session).is_some()
    }

    /// Whether one of the two reported the other lately: they are kept apart.
    pub(super) fn are_apart(&self, now: Instant, one: &SessionKey, other: &SessionKey) -> bool {
        let reported =
            |who, by| self.reports.find(now, who).is_some_and(|reporters| reporters.contains_key(by));
        reported(one, other) || reported(other, one)
    }

    pub(super) fn report(&mut self, now: Instant, reporter: Party<'_>, reported: Party<'_>) -> Verdict {
        let reporters = self.reports.touch(now, reported.session);
        if reporters.contains_key(&reporter.session) || reporters.len() >= MAXIMUM_REPORTERS {
            return Verdict::Ignored;
        }
        reporters.insert(reporter.session, reporter.prefix.to_vec());
        let elsewhere = || {
            reporters.iter().filter(|(_, prefix)| !prefix.is_empty() && prefix.as_slice() != reported.prefix)
        };
        let prefixes: BTreeSet<&Vec<u8>> = elsewhere().map(|(_, prefix)| prefix).collect();
        if prefixes.len() < REPORTING_PREFIXES {
            return Verdict::Noted;
        }
        let believed: Vec<SessionKey> = elsewhere().map(|(session, _)| *session).collect();
        self.banned_sessions.touch(now, reported.session);
        self.strike(now, reported, believed);
        Verdict::SessionBanned
    }

    fn strike(&mut self, now: Instant, reported: Party<'_>, reporters: Vec<SessionKey>) {
        if reported.prefix.is_empty() {
            return;
        }
        let strikes = self.strikes.touch(now, reported.prefix.to_vec());
        if strikes.sessions.len() < MAXIMUM_REPORTERS {
            strikes.sessions.insert(reported.session);
        }
        for reporter in reporters.into_iter().take(MAXIMUM_REPORTERS) {
            if strikes.reporters.len() < MAXIMUM_REPORTERS {
                strikes.reporters.insert(reporter);
            }
        }
        if strikes.sessions.len() >= BANNED_SESSIONS && strikes.reporters.len() >= REPORTING_SESSIONS {
            self.banned_prefixes.touch(now, reported.prefix.to_vec());
        }
    }

    /// Forgets what has faded; whether anything is left.
    pub(super) fn sweep(&mut self, now: Instant) -> bool {
        self.reports.sweep(now);
        self.strikes.sweep(now);
        self.banned_sessions.sweep(now);
        self.banned_prefixes.sweep(now);
        let all_gone = self.reports.is_empty()
            && self.strikes.is_empty()
            && self.banned_sessions.is_empty()
            && self.banned_prefixes.is_empty();
        !all_gone
    }
}
