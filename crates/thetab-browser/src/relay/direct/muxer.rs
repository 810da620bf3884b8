use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{FutureExt as _, Stream as _, StreamExt as _, stream::FuturesUnordered};
use gloo_timers::future::TimeoutFuture;
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p_webrtc_utils::{DropListener, Stream};
use send_wrapper::SendWrapper;
use web_sys::RtcPeerConnectionState;

use super::{peer::Peer, stream::Bytestream};

/// A connection over which nothing has come for this long, after the few seconds in which the browser noticed, is over.
const MAX_DISCONNECTED_MS: u32 = 4_000;

/// A connection to a relay, with a data channel for each stream.
pub(in super::super) struct Muxer(SendWrapper<Inner>);

struct Inner {
    peer: Peer,
    /// Ends of streams that are still to be said to the relay.
    endings: FuturesUnordered<DropListener<Bytestream>>,
    disconnected: Option<TimeoutFuture>,
}

impl Muxer {
    pub(super) fn new(peer: Peer, handshake: DropListener<Bytestream>) -> Muxer {
        let endings = FuturesUnordered::from_iter([handshake]);
        Muxer(SendWrapper::new(Inner { peer, endings, disconnected: None }))
    }
}

impl Inner {
    fn add(
        &mut self,
        (stream, ending): (Stream<Bytestream>, DropListener<Bytestream>),
    ) -> Stream<Bytestream> {
        self.endings.push(ending);
        stream
    }

    fn poll_lost(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        match self.peer.state(context) {
            RtcPeerConnectionState::Failed | RtcPeerConnectionState::Closed => {
                return Poll::Ready(io::ErrorKind::ConnectionReset.into());
            }
            RtcPeerConnectionState::Disconnected => {}
            _ => {
                self.disconnected = None;
                return Poll::Pending;
            }
        }
        let patience = self.disconnected.get_or_insert_with(|| TimeoutFuture::new(MAX_DISCONNECTED_MS));
        patience.poll_unpin(context).map(|()| io::ErrorKind::TimedOut.into())
    }
}

impl StreamMuxer for Muxer {
    type Substream = Stream<Bytestream>;
    type Error = io::Error;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Stream<Bytestream>>> {
        let opened = ready!(Pin::new(&mut self.0.peer.opened).poll_next(context));
        let channel = opened.ok_or(io::ErrorKind::ConnectionReset)?;
        Poll::Ready(Ok(self.0.add(Stream::new(channel))))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<Stream<Bytestream>>> {
        let opened = self.0.peer.open_stream();
        Poll::Ready(Ok(self.0.add(opened)))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.peer.close();
        Poll::Ready(Ok(()))
    }

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        // What a stream says at its end is a courtesy: that it could not be said changes nothing.
        while let Poll::Ready(Some(_)) = self.0.endings.poll_next_unpin(context) {}
        self.0.poll_lost(context).map(Err)
    }
}
