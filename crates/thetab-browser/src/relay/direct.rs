//! libp2p's `/webrtc-direct`: WebRTC to a server that is known by address and certificate, without signalling.
//!
//! Why our own, on the shared parts of libp2p: a tab dials again and again for as long as it is open, so every
//! connection, tried or had, must be closed and every callback let go of, and a relay that vanished must be noticed
//! by what the browser knows of the connection.
//! Threats: whoever answers at the address must hold the certificate that the address names and, over
//! Noise bound to both certificates, the key of the peer that is dialled.

mod description;
mod muxer;
mod peer;
mod stream;

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{FutureExt as _, future::BoxFuture};
use libp2p::{
    Multiaddr, PeerId, Transport,
    core::transport::{DialOpts, ListenerId, TransportError, TransportEvent},
    identity::Keypair,
};
use libp2p_webrtc_utils::{Fingerprint, noise, parse_webrtc_dial_addr, sdp};
use send_wrapper::SendWrapper;

use self::{muxer::Muxer, peer::Peer};

/// Dials `/webrtc-direct` addresses under one key.
pub(super) struct Direct {
    keypair: Keypair,
}

impl Direct {
    pub(super) fn new(keypair: Keypair) -> Direct {
        Direct { keypair }
    }
}

impl Transport for Direct {
    type Output = (PeerId, Muxer);
    type Error = io::Error;
    type ListenerUpgrade = BoxFuture<'static, io::Result<(PeerId, Muxer)>>;
    type Dial = BoxFuture<'static, io::Result<(PeerId, Muxer)>>;

    fn listen_on(&mut self, _: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        false
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        _: DialOpts,
    ) -> Result<BoxFuture<'static, io::Result<(PeerId, Muxer)>>, TransportError<io::Error>> {
        match parse_webrtc_dial_addr(&address) {
            Some((server, certificate)) => {
                // libp2p's futures may be sent elsewhere; there is no elsewhere in a tab.
                Ok(SendWrapper::new(dial(server, certificate, self.keypair.clone())).boxed())
            }
            None => Err(TransportError::MultiaddrNotSupported(address)),
        }
    }

    fn poll(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Poll::Pending
    }
}

async fn dial(server: SocketAddr, certificate: Fingerprint, keypair: Keypair) -> io::Result<(PeerId, Muxer)> {
    let peer = Peer::new()?;
    let (handshake, on_drop) = peer.handshake_stream();
    let name = sdp::random_ufrag();
    let local = peer.connect(&name, sdp::answer(server, certificate, &name)).await?;
    let id = noise::outbound(keypair, handshake, certificate, local).await.map_err(io::Error::other)?;
    Ok((id, Muxer::new(peer, on_drop)))
}
