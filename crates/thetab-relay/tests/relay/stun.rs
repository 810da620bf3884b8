//! The relay answers STUN itself.

use std::net::SocketAddr;

use stun::{
    message::{BINDING_ERROR, BINDING_REQUEST, Getter as _, Message},
    xoraddr::XorMappedAddress,
};
use tokio::net::UdpSocket;

use crate::support::{World, relay};

async fn stun_address(world: &World) -> SocketAddr {
    let info = world.json("/api/v1/relay").await;
    info["stun"][0].as_str().unwrap().strip_prefix("stun:").unwrap().parse().unwrap()
}

fn request() -> Message {
    let mut message = Message::new();
    message.set_type(BINDING_REQUEST);
    message.new_transaction_id().unwrap();
    message.write_header();
    message
}

/// Asks, and waits for the answer to this very question.
async fn ask(socket: &UdpSocket, server: SocketAddr) -> (SocketAddr, usize) {
    let question = request();
    socket.send_to(&question.raw, server).await.unwrap();
    let mut buffer = [0; 1500];
    let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
    assert_eq!(from, server);
    let mut answer = Message::new();
    answer.unmarshal_binary(&buffer[..length]).unwrap();
    assert_eq!(answer.transaction_id, question.transaction_id);
    let mut mapped = XorMappedAddress::default();
    mapped.get_from(&answer).unwrap();
    (SocketAddr::new(mapped.ip, mapped.port), length)
}

#[tokio::test]
async fn a_stun_question_is_answered_with_the_askers_address() {
    let world = relay().await;
    let server = stun_address(&world).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (mapped, length) = ask(&socket, server).await;
    assert_eq!(mapped, socket.local_addr().unwrap());
    assert!(length <= 2 * request().raw.len(), "nothing to amplify with");
    assert_eq!(world.metric("thetab_stun_answers_total").await, 1);
}

#[tokio::test]
async fn garbage_gets_no_answer_and_costs_nobody_theirs() {
    let world = relay().await;
    let server = stun_address(&world).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut error = request();
    error.set_type(BINDING_ERROR);
    let mut long = request().raw;
    long[2] = 0xff;
    let garbage = [
        b"".to_vec(),
        b"x".to_vec(),
        vec![0; 20],
        vec![0xff; 1200],
        request().raw[..19].to_vec(),
        error.raw,
        long,
    ];
    for _ in 0..100 {
        for bytes in &garbage {
            socket.send_to(bytes, server).await.unwrap();
        }
    }
    // The next thing that comes is the answer to the next question.
    let (mapped, _) = ask(&socket, server).await;
    assert_eq!(mapped, socket.local_addr().unwrap());
}

#[tokio::test]
async fn one_address_gets_few_answers_a_second_and_others_go_on() {
    let world = relay().await;
    let server = stun_address(&world).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for _ in 0..200 {
        socket.send_to(&request().raw, server).await.unwrap();
    }
    let other = UdpSocket::bind("127.0.0.9:0").await.unwrap();
    ask(&other, server).await;
    let answers = world.metric("thetab_stun_answers_total").await;
    assert!((2..=60).contains(&answers), "{answers} answers to 201 questions");
}
