//! What the relay counts, in Prometheus' text format. No label names a viewer.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// What kind of thing the origin served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are lower-case words")]
pub(crate) enum ServedKind {
    /// Segments and initialisation sections.
    media,
    /// Playlists.
    playlist,
    /// Signed records.
    record,
    /// The web app.
    app,
    /// The JSON API.
    api,
}

impl ServedKind {
    /// The label's value.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ServedKind::media => "media",
            ServedKind::playlist => "playlist",
            ServedKind::record => "record",
            ServedKind::app => "app",
            ServedKind::api => "api",
        }
    }
}

/// Labels of the origin's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ServedLabels {
    /// What was served.
    pub(crate) kind: ServedKind,
}

/// Every counter of the relay.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    /// Bytes of response bodies.
    pub(crate) origin_bytes: Family<ServedLabels, Counter>,
    /// Responses.
    pub(crate) origin_requests: Family<ServedLabels, Counter>,
    /// Requests turned down by a limit.
    pub(crate) limited_requests: Counter,
    /// Tickets issued.
    pub(crate) tickets: Counter,
    /// Sessions that are joined now.
    pub(crate) tracker_sessions: Gauge,
    /// Sealed messages passed on.
    pub(crate) signals: Counter,
    /// Reports of bad pieces.
    pub(crate) reports: Counter,
    /// Tracker requests refused.
    pub(crate) tracker_refused: Counter,
    /// STUN answers.
    pub(crate) stun_answers: Counter,
}

impl Metrics {
    /// Counters at zero, and the registry that prints them.
    pub(crate) fn register() -> (Metrics, Registry) {
        let metrics = Metrics::default();
        let mut registry = Registry::with_prefix("thetab");
        let r = &mut registry;
        r.register("origin_bytes", "Bytes of response bodies", metrics.origin_bytes.clone());
        r.register("origin_requests", "HTTP responses", metrics.origin_requests.clone());
        r.register("limited_requests", "Requests turned down by a limit", metrics.limited_requests.clone());
        r.register("tickets", "Join tickets issued", metrics.tickets.clone());
        r.register("tracker_sessions", "Sessions joined now", metrics.tracker_sessions.clone());
        r.register("signals", "Sealed messages passed on", metrics.signals.clone());
        r.register("reports", "Reports of bad pieces", metrics.reports.clone());
        r.register("tracker_refused", "Tracker requests refused", metrics.tracker_refused.clone());
        r.register("stun_answers", "STUN answers", metrics.stun_answers.clone());
        (metrics, registry)
    }
}
