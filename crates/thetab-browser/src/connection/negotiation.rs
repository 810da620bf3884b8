use futures::{StreamExt as _, channel::mpsc};
use js_sys::Promise;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{RtcIceCandidateInit, RtcPeerConnection, RtcSdpType, RtcSessionDescriptionInit};

use super::reporter::Reporter;
use crate::task::Task;

#[derive(Debug)]
enum Step {
    Offer,
    Remote(String),
    Candidates(Vec<String>),
}

/// Exchanges descriptions, one step after the other; a step that fails ends the connection.
#[derive(Debug)]
pub(super) struct Negotiation {
    steps: mpsc::UnboundedSender<Step>,
    _task: Task,
}

impl Negotiation {
    pub(super) fn new(peer: RtcPeerConnection, reporter: Reporter) -> Negotiation {
        let (steps, mut next) = mpsc::unbounded();
        let _task = Task::spawn(async move {
            let mut end = End { peer, reporter, has_offered: false };
            while let Some(step) = next.next().await {
                if end.take(step).await.is_err() {
                    return end.reporter.closed();
                }
            }
        });
        Negotiation { steps, _task }
    }

    pub(super) fn offer(&self) {
        self.then(Step::Offer);
    }

    pub(super) fn describe_remote(&self, sdp: String) {
        self.then(Step::Remote(sdp));
    }

    pub(super) fn add_candidates(&self, candidates: Vec<String>) {
        self.then(Step::Candidates(candidates));
    }

    fn then(&self, step: Step) {
        // After a step that failed the connection is reported as closed already.
        let _ = self.steps.unbounded_send(step);
    }
}

struct End {
    peer: RtcPeerConnection,
    reporter: Reporter,
    has_offered: bool,
}

impl End {
    async fn take(&mut self, step: Step) -> Result<(), JsValue> {
        match step {
            Step::Offer => self.offer().await,
            Step::Remote(sdp) if self.has_offered => self.set_remote(RtcSdpType::Answer, &sdp).await,
            Step::Remote(sdp) => self.answer(&sdp).await,
            Step::Candidates(candidates) => {
                self.add_candidates(&candidates).await;
                Ok(())
            }
        }
    }

    async fn offer(&mut self) -> Result<(), JsValue> {
        self.has_offered = true;
        self.describe(self.peer.create_offer()).await
    }

    async fn answer(&self, sdp: &str) -> Result<(), JsValue> {
        self.set_remote(RtcSdpType::Offer, sdp).await?;
        self.describe(self.peer.create_answer()).await
    }

    async fn describe(&self, description: Promise) -> Result<(), JsValue> {
        let description: RtcSessionDescriptionInit = JsFuture::from(description).await?.unchecked_into();
        JsFuture::from(self.peer.set_local_description(&description)).await?;
        self.reporter.described(description.get_sdp().unwrap_or_default());
        Ok(())
    }

    async fn set_remote(&self, kind: RtcSdpType, sdp: &str) -> Result<(), JsValue> {
        let description = RtcSessionDescriptionInit::new(kind);
        description.set_sdp(sdp);
        JsFuture::from(self.peer.set_remote_description(&description)).await?;
        Ok(())
    }

    async fn add_candidates(&self, candidates: &[String]) {
        for line in candidates {
            let candidate = RtcIceCandidateInit::new(line);
            candidate.set_sdp_m_line_index(Some(0));
            let added = self.peer.add_ice_candidate_with_opt_rtc_ice_candidate_init(Some(&candidate));
            // One that this browser does not understand is one way less to the peer.
            let _ = JsFuture::from(added).await;
        }
    }
}
