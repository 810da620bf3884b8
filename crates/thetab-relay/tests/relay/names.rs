//! Names that strangers make up never lead out of a stream's folder.

use reqwest::StatusCode;

use crate::support::{World, relay, relay_with};

/// The status of a path that no client library would send, and what the answer holds.
async fn status_of(world: &World, path: &str) -> (u16, String) {
    let answer =
        world.raw(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await;
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or_else(|| panic!("{path}: {answer}")), answer)
}

const OUTSIDE: [&str; 20] = [
    "/media/../keys/relay.key",
    "/media/sample/../../keys/relay.key",
    "/media/%2e%2e/%2e%2e/keys/relay.key",
    "/media/sample/%2e%2e/%2e%2e/keys/relay.key",
    "/media/sample/r0/..%2f..%2f..%2fkeys%2frelay.key",
    "/media/sample/r0/../../../keys/relay.key",
    "/media/sample/r0/%2e%2e%2finit.mp4",
    "/media/..%2fkeys/relay.key/0.m4s",
    "/media/.publishing-x/master.m3u8",
    "/media/sample/r0/records/..%2f..%2fmaster.m3u8",
    "/media/sample/r0/records/init.bin%00.png",
    "/media/sample%00/master.m3u8",
    "/media/sample/r0/0%00.m4s",
    "/media/Sample/master.m3u8",
    "/media/sample/r0/-1.m4s",
    "/media/sample/r0/+1.m4s",
    "/media/sample/r0/01.m4s",
    "/media/sample/r00/1.m4s",
    "/media/sample/r0/99999999999999999999999.m4s",
    "/media/sample/stream.json",
];

#[tokio::test]
async fn no_name_leads_out_of_its_stream() {
    let world = relay().await;
    let secret = std::fs::read_to_string(world.data.path().join("keys/relay.key")).unwrap();
    for path in OUTSIDE {
        let (status, answer) = status_of(&world, path).await;
        assert!((400..500).contains(&status), "{path}: {status}");
        assert!(!answer.contains(secret.trim()), "{path}");
        assert!(answer.contains(r#"{"error":{"#), "{path}: {answer}");
    }
}

#[tokio::test]
async fn no_name_leads_out_of_the_app() {
    let root = tempfile::tempdir().unwrap();
    let app = root.path().join("app");
    std::fs::create_dir(&app).unwrap();
    std::fs::write(app.join("index.html"), "<!doctype html>").unwrap();
    std::fs::write(root.path().join("secret.txt"), "hidden treasure").unwrap();
    let world = relay_with(|config| config.app = Some(app)).await;
    let paths = [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "//../secret.txt",
        "/a/../../secret.txt",
        "/%2e%2e%5csecret.txt",
        "/..%00/secret.txt",
    ];
    for path in paths {
        let (status, answer) = status_of(&world, path).await;
        assert!(!answer.contains("treasure"), "{path}: {status}");
        assert!((400..500).contains(&status), "{path}: {status}");
    }
}

#[tokio::test]
async fn names_that_are_too_long_or_no_text_are_refused() {
    let world = relay().await;
    let long = "a".repeat(65);
    assert_eq!(world.get(&format!("/media/{long}/master.m3u8")).await.status(), StatusCode::NOT_FOUND);
    for path in ["/media/%ff%fe/master.m3u8", "/api/v1/streams/%ff", "/media/sample/r0/%80.m4s"] {
        let (status, answer) = status_of(&world, path).await;
        assert!((400..500).contains(&status) && answer.contains(r#"{"error":{"#), "{path}: {answer}");
    }
    let (status, _) = status_of(&world, &format!("/media/{}/master.m3u8", "a".repeat(30_000))).await;
    assert!((400..500).contains(&status), "{status}");
}

#[tokio::test]
async fn a_query_that_is_no_number_is_refused_in_words() {
    let world = relay().await;
    for query in ["after=-1", "after=x", "after=99999999999999999999999", "after=%ff"] {
        let (status, answer) = status_of(&world, &format!("/media/sample/r0/records/0.bin?{query}")).await;
        assert_eq!(status, 400, "{query}");
        assert!(answer.contains(r#""code":"bad_request""#), "{query}: {answer}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_request_do_the_relay_no_harm() {
    let world = relay().await;
    let mut garbage: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        b"POST /api/v1/streams/sample/ticket HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n".to_vec(),
        b"POST /api/v1/streams/sample/ticket HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
            .to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff".to_vec(),
        vec![0; 5000],
    ];
    garbage.push([b"GET / HTTP/1.1\r\n".to_vec(), b"x: y\r\n".repeat(300), b"\r\n".to_vec()].concat());
    for bytes in garbage {
        let mut stream = tokio::net::TcpStream::connect(world.address()).await.unwrap();
        // The relay may close before all of it is written.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes).await;
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
        crate::support::read_to_end(&mut stream).await;
    }
    assert_eq!(world.text("/healthz").await, "ok\n");
}
