use std::convert::Infallible;

use tokio::sync::mpsc;
use webrtc::{
    ice_transport::ice_candidate::RTCIceCandidateInit,
    peer_connection::{RTCPeerConnection, sdp::session_description::RTCSessionDescription},
};

use super::{ConnectionError, Step, reporter::Reporter};

/// Exchanges descriptions and candidates, one step after the other, until one fails.
pub(super) async fn negotiate(
    peer: &RTCPeerConnection,
    offer: bool,
    steps: mpsc::Receiver<Step>,
    reporter: &Reporter,
) -> ConnectionError {
    match take_steps(peer, offer, steps, reporter).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

async fn take_steps(
    peer: &RTCPeerConnection,
    offer: bool,
    mut steps: mpsc::Receiver<Step>,
    reporter: &Reporter,
) -> Result<Infallible, ConnectionError> {
    if offer {
        describe(peer, peer.create_offer(None).await?, reporter).await?;
    }
    loop {
        match steps.recv().await.ok_or(ConnectionError::Closed)? {
            Step::Remote(sdp) if offer => {
                peer.set_remote_description(RTCSessionDescription::answer(sdp)?).await?;
            }
            Step::Remote(sdp) => {
                peer.set_remote_description(RTCSessionDescription::offer(sdp)?).await?;
                describe(peer, peer.create_answer(None).await?, reporter).await?;
            }
            Step::Candidates(lines) => add(peer, lines).await,
        }
    }
}

async fn describe(
    peer: &RTCPeerConnection,
    description: RTCSessionDescription,
    reporter: &Reporter,
) -> Result<(), ConnectionError> {
    let sdp = description.sdp.clone();
    peer.set_local_description(description).await?;
    reporter.described(sdp).await;
    Ok(())
}

async fn add(peer: &RTCPeerConnection, lines: Vec<String>) {
    for candidate in lines {
        let candidate =
            RTCIceCandidateInit { candidate, sdp_mline_index: Some(0), ..RTCIceCandidateInit::default() };
        // One that is not understood is one way less to the peer.
        if let Err(error) = peer.add_ice_candidate(candidate).await {
            tracing::debug!(%error, "a candidate cannot be used");
        }
    }
}
