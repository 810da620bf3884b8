//! A relay as a process.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use crate::support::{Running, free_port, relay, thetab};

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn local(url: &str) -> SocketAddr {
    let port = url.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap();
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[test]
fn a_relay_ends_when_it_is_told_to() {
    for signal in ["INT", "TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Running::start(&mut relay(folder.path()));
        let address = local(&running.hear("thetab relay at "));
        assert!(get(address, "/healthz").ends_with("ok\n"));
        let told = Instant::now();
        running.signal(signal);
        assert!(running.end(), "{}", running.heard);
        assert!(told.elapsed() < Duration::from_secs(5));
        assert!(running.heard.contains("shutting down"));
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn up_prints_one_url_serves_both_samples_and_keeps_them_for_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("with a space");
    let ports = ["--http-port", "0", "--webrtc-port", "0", "--websocket-port", "0", "--stun-port", "0"];
    let mut presentations = Vec::new();
    for _ in 0..2 {
        let mut running = Running::start(thetab().arg("up").args(ports).arg("--data").arg(&data));
        let url = running.hear("thetab is up: ");
        assert!(url.ends_with("/watch/sample"), "{url}");
        let streams = get(local(url.trim_end_matches("/watch/sample")), "/api/v1/streams");
        assert!(streams.contains(r#""name":"sample""#) && streams.contains(r#""name":"live""#), "{streams}");
        presentations.push(streams.split("\"presentation\"").nth(1).unwrap()[..70].to_owned());
        running.signal("INT");
        assert!(running.end(), "{}", running.heard);
    }
    assert_eq!(presentations[0], presentations[1]);
}

#[test]
fn a_port_that_is_taken_gives_way_and_the_url_says_so() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let others = ["--webrtc-port", "0", "--websocket-port", "0", "--stun-port", "0"];
    let mut command = thetab();
    command.args(["relay", "--http-port", &port.to_string()]).args(others).arg("--data").arg(folder.path());
    let mut running = Running::start(&mut command);
    let address = local(&running.hear("thetab relay at "));
    assert_ne!(address.port(), port);
    assert!(get(address, "/healthz").ends_with("ok\n"));
}

/// Whoever comes from here is not to be found in any log at `info`.
const VISITOR: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 7);

#[test]
fn logs_for_people_hold_no_address() {
    for format in ["text", "json"] {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Running::start(relay(folder.path()).args(["--log-format", format]));
        let address = local(&running.hear("thetab relay at "));
        visit_in_every_way(address);
        running.signal("TERM");
        assert!(running.end(), "{}", running.heard);
        assert!(running.heard.contains("shutting down"), "{}", running.heard);
        assert!(!running.heard.contains("127.77"), "{}", running.heard);
    }
}

/// Asks, misses, and sends garbage to every port.
fn visit_in_every_way(http: SocketAddr) {
    let info = get(http, "/api/v1/relay");
    let ports = |before: &str| -> Vec<u16> {
        info.split(before).skip(1).filter_map(|rest| rest.split(['/', '"']).next()?.parse().ok()).collect()
    };
    let (tcp, udp, stun) = (ports("/tcp/"), ports("/udp/"), ports("stun:127.0.0.1:"));
    assert!(!tcp.is_empty() && !udp.is_empty() && !stun.is_empty(), "{info}");
    for port in tcp.into_iter().chain([http.port()]) {
        for garbage in [
            &b"GET /../.. HTTP/1.1\r\n\r\n"[..],
            b"\x16\x03\x01garbage",
            b"GET /media/x/y HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        ] {
            let mut stream = connect_from_visitor(port);
            let _ = stream.write_all(garbage);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
    let socket = UdpSocket::bind((VISITOR, 0)).unwrap();
    for port in udp.into_iter().chain(stun) {
        for garbage in [
            &[0u8; 20][..],
            &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
            &[22; 200],
            b"x",
        ] {
            socket.send_to(garbage, (Ipv4Addr::LOCALHOST, port)).unwrap();
        }
    }
    assert!(get(http, "/healthz").ends_with("ok\n"));
}

/// A connection whose other end has the visitor's address.
fn connect_from_visitor(port: u16) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((VISITOR, 0))).unwrap();
        let stream = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap();
        let stream = stream.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        stream
    })
}
