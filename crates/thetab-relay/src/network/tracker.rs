//! The one task that owns the tracker: streams report to it, and it answers through their queues.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use thetab_sansio::{Instant, Machine, Runtime, drive};
use thetab_swarm::tracker::{Effect, Input, StreamKey, Tracker};
use tokio::sync::mpsc;

use super::ViewerCounts;
use crate::metrics::Metrics;

/// Where each stream's events go.
pub(super) type Events = Arc<Mutex<BTreeMap<StreamKey, mpsc::Sender<Bytes>>>>;

/// Runs until every sender of `inputs` is gone.
pub(super) async fn run_tracker(
    tracker: Tracker,
    inputs: mpsc::Receiver<Input>,
    events: Events,
    metrics: Metrics,
    viewers: ViewerCounts,
) {
    let mut runtime = TrackerRuntime { started: std::time::Instant::now(), inputs, events };
    drive(&mut Observed { tracker, metrics, viewers }, &mut runtime).await;
}

/// The tracker, with its numbers shown after each step.
struct Observed {
    tracker: Tracker,
    metrics: Metrics,
    viewers: ViewerCounts,
}

impl Observed {
    fn show(&self) {
        let stats = self.tracker.stats();
        let advance = |counter: &prometheus_client::metrics::counter::Counter, total: u64| {
            counter.inc_by(total.saturating_sub(counter.get()));
        };
        self.metrics.tracker_sessions.set(i64::try_from(stats.sessions).unwrap_or(i64::MAX));
        advance(&self.metrics.signals, stats.signals);
        advance(&self.metrics.reports, stats.reports);
        advance(&self.metrics.tracker_refused, stats.refused);
        self.viewers.set(self.tracker.viewer_counts());
    }
}

impl Machine for Observed {
    type Input = Input;
    type Effect = Effect;
    fn handle(&mut self, now: Instant, input: Input) {
        let changes_counts = !matches!(input, Input::Presentation { .. });
        self.tracker.handle(now, input);
        if changes_counts {
            self.show();
        }
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.tracker.handle_timeout(now);
        self.show();
    }
    fn poll_effect(&mut self) -> Option<Effect> {
        self.tracker.poll_effect()
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.tracker.poll_timeout()
    }
}

struct TrackerRuntime {
    started: std::time::Instant,
    inputs: mpsc::Receiver<Input>,
    events: Events,
}

impl Runtime<Observed> for TrackerRuntime {
    fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn perform(&mut self, effect: Effect) {
        let mut events = self.events.lock().expect("nothing panics while it holds the lock");
        match effect {
            Effect::Send { stream, message } => {
                let full = events.get(&stream).is_some_and(|sender| sender.try_send(message).is_err());
                if full {
                    events.remove(&stream);
                }
            }
            Effect::Close { stream } => {
                events.remove(&stream);
            }
            effect => tracing::error!(?effect, "the tracker wants something that this host cannot do"),
        }
    }

    async fn next_input(&mut self, deadline: Option<Instant>) -> Option<Input> {
        let Some(deadline) = deadline else { return self.inputs.recv().await };
        let until = self.started + deadline.since_start();
        tokio::time::timeout_at(until.into(), self.inputs.recv()).await.ok().flatten()
    }
}
