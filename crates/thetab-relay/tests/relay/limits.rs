//! What one address, and all together, may ask; each refusal in words.

use std::{net::Ipv4Addr, time::Duration};

use reqwest::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{
    World, ask_as, client_from, header_of, json_of, read_to_end, refusal, relay, relay_with,
    relay_with_a_large_segment,
};

const TICKET: &str = "/api/v1/streams/sample/ticket";

fn keys() -> String {
    let digits = "ab".repeat(32);
    format!(r#"{{"session_key":"{digits}","seal_key":"{digits}"}}"#)
}

#[tokio::test]
async fn a_ticket_is_given_for_two_keys() {
    let world = relay().await;
    let response = world.post(TICKET, keys()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header_of(&response, "cache-control"), "no-cache");
    let body = json_of(response).await;
    assert!(body["ticket"].as_str().unwrap().len() > 200);
    assert_eq!(world.metric("thetab_tickets_total").await, 1);
}

#[tokio::test]
async fn a_body_that_is_no_ticket_request_is_refused_in_words() {
    let world = relay().await;
    let bodies = [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"session_key":"00","seal_key":"00"}"#,
        r#"{"session_key":1,"seal_key":2}"#,
        "\u{feff}{}",
    ];
    for body in bodies {
        let code = refusal(world.post(TICKET, body).await, StatusCode::BAD_REQUEST).await;
        assert_eq!(code, "bad_request", "{body}");
    }
    let unknown = keys().replace('}', r#","extra":1}"#);
    assert_eq!(refusal(world.post(TICKET, unknown).await, StatusCode::BAD_REQUEST).await, "bad_request");
    let deep = "[".repeat(4000);
    assert_eq!(refusal(world.post(TICKET, deep).await, StatusCode::BAD_REQUEST).await, "bad_request");
    let response = world.ask(Method::POST, TICKET, &[("content-type", "text/plain")]).await;
    assert_eq!(refusal(response, StatusCode::UNSUPPORTED_MEDIA_TYPE).await, "bad_request");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_whether_it_says_so_or_not() {
    let world = relay().await;
    let response = world.post(TICKET, "x".repeat(5000)).await;
    assert_eq!(refusal(response, StatusCode::PAYLOAD_TOO_LARGE).await, "too_large");
    let chunk = format!("1388\r\n{}\r\n", "x".repeat(5000));
    let head = format!(
        "POST {TICKET} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let answer = world.raw(format!("{head}{chunk}0\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("too_large"), "{answer}");
}

/// Asks until refused; how often that went well, and the refusal.
async fn until_refused(world: &World, path: &str, method: Method) -> (u32, reqwest::Response) {
    for asked in 0.. {
        let headers = [("content-type", "application/json"), ("origin", "https://blog.example")];
        let response = world.ask(method.clone(), path, &headers).await;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            return (asked, response);
        }
        assert!(asked < 1000, "{path} is never refused");
    }
    unreachable!("the loop ends by returning");
}

#[tokio::test]
async fn one_address_is_told_to_wait_and_others_go_on() {
    let world = relay_with(|config| config.limits.requests_per_second = 1).await;
    for path in
        ["/media/sample/r0/0.m4s", "/media/none/x", "/api/v1/streams", "/healthz", "/metrics", "/", "/what"]
    {
        let (_, response) = until_refused(&world, path, Method::GET).await;
        let seconds: u64 = header_of(&response, "retry-after").parse().unwrap();
        assert!((1..=5).contains(&seconds), "{path}: {seconds}");
        // A page of another origin can read why.
        assert_eq!(header_of(&response, "access-control-allow-origin"), "*", "{path}");
        assert!(header_of(&response, "access-control-expose-headers").contains("retry-after"), "{path}");
        assert_eq!(refusal(response, StatusCode::TOO_MANY_REQUESTS).await, "rate_limited", "{path}");
    }
    let other = client_from(Ipv4Addr::new(127, 0, 0, 2));
    let response = ask_as(&other, Method::GET, &world.url("/healthz"), &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(ask_as(&other, Method::GET, &world.url("/metrics"), &[]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn tickets_have_a_rate_of_their_own() {
    let world = relay_with(|config| config.limits.tickets_per_minute = 3).await;
    let (asked, response) = until_refused(&world, TICKET, Method::POST).await;
    assert_eq!(asked, 3);
    assert_eq!(refusal(response, StatusCode::TOO_MANY_REQUESTS).await, "rate_limited");
    assert_eq!(world.text("/healthz").await, "ok\n");
    assert_eq!(world.metric("thetab_limited_requests_total").await, 1);
}

#[tokio::test]
async fn behind_a_proxy_the_last_forwarded_address_counts() {
    let world = relay_with(|config| {
        config.limits.requests_per_second = 1;
        config.behind_proxy = true;
    })
    .await;
    let status = async |forwarded: &str| {
        world.ask(Method::GET, "/healthz", &[("x-forwarded-for", forwarded)]).await.status()
    };
    while status("203.0.113.7, 198.51.100.1").await == StatusCode::OK {}
    // Whatever the client itself wrote before.
    assert_eq!(status("198.51.100.99, 198.51.100.1").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status("198.51.100.1, 198.51.100.2").await, StatusCode::OK);
    // An IPv6 host has a whole /64.
    while status("2001:db8:1:2::1").await == StatusCode::OK {}
    assert_eq!(status("2001:db8:1:2:ffff::9").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status("2001:db8:1:3::1").await, StatusCode::OK);
}

#[tokio::test]
async fn without_a_proxy_nobody_chooses_the_address_that_counts() {
    let world = relay_with(|config| config.limits.requests_per_second = 1).await;
    let mut refused = false;
    for number in 0..20 {
        let forwarded = format!("203.0.113.{number}");
        let response = world.ask(Method::GET, "/healthz", &[("x-forwarded-for", &forwarded)]).await;
        refused |= response.status() == StatusCode::TOO_MANY_REQUESTS;
    }
    assert!(refused);
}

#[tokio::test]
async fn beyond_the_answers_in_progress_the_relay_says_that_it_is_busy() {
    let world = relay_with_a_large_segment(|config| config.limits.concurrent_requests = 1).await;
    let mut slow = TcpStream::connect(world.address()).await.unwrap();
    slow.write_all(b"GET /media/large/r0/0.m4s HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 1024];
    slow.read_exact(&mut first).await.unwrap();
    let response = world.get("/healthz").await;
    assert_eq!(header_of(&response, "retry-after"), "2");
    assert_eq!(refusal(response, StatusCode::SERVICE_UNAVAILABLE).await, "busy");
    drop(slow);
    // The relay notices the end of that connection by itself.
    let freed = async { while world.get("/healthz").await.status() != StatusCode::OK {} };
    tokio::time::timeout(Duration::from_secs(10), freed).await.unwrap();
}

#[tokio::test]
async fn a_client_that_dawdles_over_its_headers_or_says_nothing_is_let_go() {
    let world = relay_with(|config| {
        config.limits.header_seconds = 1;
        config.limits.idle_seconds = 1;
    })
    .await;
    let mut dawdling = TcpStream::connect(world.address()).await.unwrap();
    dawdling.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    let mut silent = TcpStream::connect(world.address()).await.unwrap();
    let mut preface = TcpStream::connect(world.address()).await.unwrap();
    preface.write_all(b"PRI * HT").await.unwrap();
    let let_go = async {
        read_to_end(&mut dawdling).await;
        read_to_end(&mut silent).await;
        read_to_end(&mut preface).await;
    };
    tokio::time::timeout(Duration::from_secs(10), let_go).await.unwrap();
}

#[tokio::test]
async fn a_client_that_stops_reading_is_let_go() {
    let world = relay_with_a_large_segment(|config| {
        config.limits.idle_seconds = 1;
        config.limits.concurrent_requests = 1;
    })
    .await;
    let mut stalled = TcpStream::connect(world.address()).await.unwrap();
    stalled.write_all(b"GET /media/large/r0/0.m4s HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 1024];
    stalled.read_exact(&mut first).await.unwrap();
    let freed = async { while world.get("/healthz").await.status() != StatusCode::OK {} };
    tokio::time::timeout(Duration::from_secs(10), freed).await.unwrap();
    assert!(read_to_end(&mut stalled).await.len() < crate::support::LARGE_BYTES);
}

#[tokio::test]
async fn one_address_may_hold_only_so_many_connections() {
    let world = relay_with(|config| config.limits.http_connections_per_address = 3).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(world.address()).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        held.push(stream);
    }
    let answer = world.raw(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"code\":\"busy\""), "{answer}");
    assert!(answer.contains("too many connections from this address"), "{answer}");
    let other = client_from(Ipv4Addr::new(127, 0, 0, 3));
    assert_eq!(ask_as(&other, Method::GET, &world.url("/healthz"), &[]).await.status(), StatusCode::OK);
    held.clear();
    let freed = async {
        while !world
            .raw(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .contains("200 OK")
        {}
    };
    tokio::time::timeout(Duration::from_secs(10), freed).await.unwrap();
}

#[tokio::test]
async fn headers_that_are_too_long_are_refused() {
    let world = relay().await;
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-long: ").await.unwrap();
    // The relay stops reading long before all of it is written.
    while stream.write_all(&[b'a'; 64 * 1024]).await.is_ok() {}
    assert!(!read_to_end(&mut stream).await.contains("200 OK"));
    assert_eq!(world.text("/healthz").await, "ok\n");
}
