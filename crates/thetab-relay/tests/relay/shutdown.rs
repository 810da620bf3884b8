//! The end of a relay.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{read_to_end, relay, relay_with_a_large_segment};

#[tokio::test]
async fn an_answer_in_progress_is_finished_before_the_relay_ends() {
    let world = relay_with_a_large_segment(|_| ()).await;
    let address = world.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /media/large/r0/0.m4s HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut first = [0; 1024];
    stream.read_exact(&mut first).await.unwrap();
    let ending = tokio::spawn(world.relay.shut_down(Duration::from_secs(30)));
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(first.len() + rest.len() > crate::support::LARGE_BYTES);
    ending.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_after_the_patience() {
    let world = relay_with_a_large_segment(|_| ()).await;
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    stream.write_all(b"GET /media/large/r0/0.m4s HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 1024];
    stream.read_exact(&mut first).await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), world.relay.shut_down(Duration::from_millis(300)))
        .await
        .unwrap();
    let rest = read_to_end(&mut stream).await;
    assert!(rest.len() < crate::support::LARGE_BYTES);
}

#[tokio::test]
async fn connections_on_which_nothing_is_asked_do_not_hold_the_end_up() {
    let world = relay().await;
    let silent = TcpStream::connect(world.address()).await.unwrap();
    assert_eq!(world.text("/healthz").await, "ok\n");
    tokio::time::timeout(Duration::from_secs(8), world.relay.shut_down(Duration::from_secs(1)))
        .await
        .unwrap();
    drop(silent);
}
