//! Answers STUN binding requests, so that no third party learns who watches.
//!
//! Left out: everything but binding. An answer is no larger than twice its question, and one address gets
//! few a second, so the responder is of no use to amplify with.

use std::{net::SocketAddr, num::NonZeroU32};

use governor::{Quota, RateLimiter};
use stun::{
    message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter as _},
    xoraddr::XorMappedAddress,
};
use tokio::net::UdpSocket;

use crate::{limits::counted, metrics::Metrics};

const ANSWERS_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).expect("20 is not zero");

/// Answers on `socket` until the task is dropped.
pub(crate) async fn serve(socket: UdpSocket, metrics: Metrics) {
    let limiter = RateLimiter::keyed(Quota::per_second(ANSWERS_PER_SECOND));
    let mut buffer = [0; 1280];
    let mut questions = 0u64;
    loop {
        let (length, from) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "STUN socket");
                tokio::task::yield_now().await;
                continue;
            }
        };
        // Only what deserves an answer is remembered, and the forgetting keeps up with the remembering.
        let Some(answer) = answer(&buffer[..length], from) else { continue };
        questions = questions.wrapping_add(1);
        if questions.is_multiple_of(1024) {
            limiter.retain_recent();
        }
        if limiter.check_key(&counted(from.ip())).is_ok() && socket.send_to(&answer, from).await.is_ok() {
            metrics.stun_answers.inc();
        }
    }
}

/// The answer to one datagram, if it is a question.
pub(crate) fn answer(request: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let mut message = Message::new();
    message.unmarshal_binary(request).ok()?;
    if message.typ != BINDING_REQUEST {
        return None;
    }
    let mut answer = Message::new();
    answer.transaction_id = message.transaction_id;
    answer.set_type(BINDING_SUCCESS);
    answer.write_header();
    XorMappedAddress { ip: from.ip().to_canonical(), port: from.port() }.add_to(&mut answer).ok()?;
    Some(answer.raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stun::message::Getter as _;

    #[test]
    fn a_binding_request_is_told_its_address_and_anything_else_nothing() {
        let mut request = Message::new();
        request.set_type(BINDING_REQUEST);
        request.new_transaction_id().unwrap();
        request.write_header();
        let from: SocketAddr = "203.0.113.7:4000".parse().unwrap();
        let mut read = Message::new();
        read.unmarshal_binary(&answer(&request.raw, from).unwrap()).unwrap();
        let mut mapped = XorMappedAddress::default();
        mapped.get_from(&read).unwrap();
        assert_eq!((mapped.ip, mapped.port), (from.ip(), 4000));
        assert_eq!(answer(b"hello", from), None);
        assert_eq!(answer(&[], from), None);
    }
}
