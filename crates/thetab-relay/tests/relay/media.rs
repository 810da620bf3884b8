//! Segments: ranges, validators, caching, compression, CORS, counters.

use reqwest::{Method, StatusCode};

use crate::support::{World, header_of, refusal, relay, sample};

const SEGMENT: &str = "/media/sample/r0/1.m4s";

fn published(path: &str) -> Vec<u8> {
    std::fs::read(sample().join(path.strip_prefix("/media/sample/").unwrap())).unwrap()
}

async fn ranged(world: &World, range: &str) -> (StatusCode, String, Vec<u8>) {
    let response = world.ask(Method::GET, SEGMENT, &[("range", range)]).await;
    let (status, content_range) = (response.status(), header_of(&response, "content-range"));
    (status, content_range, response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn ranges_give_their_bytes() {
    let world = relay().await;
    let whole = published(SEGMENT);
    let size = whole.len();
    assert_eq!(world.bytes(SEGMENT).await, whole);
    let cases = [
        ("bytes=0-99".to_owned(), 0..100),
        ("bytes=100-".to_owned(), 100..size),
        ("bytes=-10".to_owned(), size - 10..size),
        (format!("bytes={}-", size - 1), size - 1..size),
        ("bytes=5-5".to_owned(), 5..6),
        ("bytes=7-999999999".to_owned(), 7..size),
    ];
    for (range, expected) in cases {
        let (status, content_range, bytes) = ranged(&world, &range).await;
        assert_eq!(status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(content_range, format!("bytes {}-{}/{size}", expected.start, expected.end - 1), "{range}");
        assert_eq!(bytes, whole[expected], "{range}");
    }
}

#[tokio::test]
async fn a_range_that_cannot_be_is_refused_with_the_size() {
    let world = relay().await;
    let size = published(SEGMENT).len();
    for range in
        [format!("bytes={size}-"), "bytes=9-2".to_owned(), "bytes=a-b".to_owned(), "bytes=".to_owned()]
    {
        let response = world.ask(Method::GET, SEGMENT, &[("range", &range)]).await;
        assert_eq!(header_of(&response, "content-range"), format!("bytes */{size}"), "{range}");
        assert_eq!(refusal(response, StatusCode::RANGE_NOT_SATISFIABLE).await, "range", "{range}");
    }
}

#[tokio::test]
async fn several_ranges_and_other_units_get_the_whole() {
    let world = relay().await;
    for range in ["bytes=0-1,5-9", "lines=1-2", "bytes=0-0, -1"] {
        let (status, content_range, bytes) = ranged(&world, range).await;
        assert_eq!((status, content_range.as_str()), (StatusCode::OK, ""), "{range}");
        assert_eq!(bytes, published(SEGMENT), "{range}");
    }
}

#[tokio::test]
async fn what_is_known_already_is_not_sent_again() {
    let world = relay().await;
    for path in
        [SEGMENT, "/media/sample/r0/init.mp4", "/media/sample/r0/index.m3u8", "/media/sample/master.m3u8"]
    {
        let etag = header_of(&world.get(path).await, "etag");
        assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
        for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
            let response = world.ask(Method::GET, path, &[("if-none-match", &known)]).await;
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{path} {known}");
            assert_eq!(header_of(&response, "etag"), etag);
            assert!(!header_of(&response, "cache-control").is_empty());
            assert!(response.bytes().await.unwrap().is_empty());
        }
        let response = world.ask(Method::GET, path, &[("if-none-match", "\"other\"")]).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_range_of_something_else_gets_the_whole() {
    let world = relay().await;
    let etag = header_of(&world.get(SEGMENT).await, "etag");
    let asked = async |validator: &str| {
        let response =
            world.ask(Method::GET, SEGMENT, &[("range", "bytes=0-9"), ("if-range", validator)]).await;
        (response.status(), response.bytes().await.unwrap().len())
    };
    assert_eq!(asked(&etag).await, (StatusCode::PARTIAL_CONTENT, 10));
    let whole = (StatusCode::OK, published(SEGMENT).len());
    assert_eq!(asked("\"another\"").await, whole);
    // A weak validator proves nothing about bytes.
    assert_eq!(asked(&format!("W/{etag}")).await, whole);
    assert_eq!(asked("Tue, 01 Jan 2019 00:00:00 GMT").await, whole);
}

#[tokio::test]
async fn a_head_says_what_a_get_would_send() {
    let world = relay().await;
    let paths = [
        SEGMENT,
        "/media/sample/master.m3u8",
        "/media/sample/r0/records/0.bin",
        "/api/v1/streams",
        "/healthz",
    ];
    for path in paths {
        let (get, head) = (world.get(path).await, world.ask(Method::HEAD, path, &[]).await);
        assert_eq!(head.status(), get.status(), "{path}");
        for name in ["content-length", "content-type", "etag", "cache-control", "accept-ranges"] {
            assert_eq!(header_of(&head, name), header_of(&get, name), "{name} of {path}");
        }
        let length = get.bytes().await.unwrap().len();
        assert_eq!(header_of(&head, "content-length"), length.to_string(), "{path}");
        assert!(head.bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn pages_of_any_origin_may_ask_for_ranges_and_read_the_answers() {
    let world = relay().await;
    let preflight = world
        .ask(
            Method::OPTIONS,
            SEGMENT,
            &[
                ("origin", "https://blog.example"),
                ("access-control-request-method", "GET"),
                ("access-control-request-headers", "range"),
            ],
        )
        .await;
    assert!(preflight.status().is_success());
    assert_eq!(header_of(&preflight, "access-control-allow-origin"), "*");
    assert!(header_of(&preflight, "access-control-allow-methods").contains("GET"));
    assert!(header_of(&preflight, "access-control-allow-headers").contains("range"));
    assert_eq!(header_of(&preflight, "access-control-max-age"), "86400");
    for (path, status) in [(SEGMENT, 200), ("/media/none/master.m3u8", 404), ("/api/v1/streams", 200)] {
        let response = world.ask(Method::GET, path, &[("origin", "https://blog.example")]).await;
        assert_eq!(response.status(), status);
        assert_eq!(header_of(&response, "access-control-allow-origin"), "*", "{path}");
        let exposed = header_of(&response, "access-control-expose-headers");
        for name in ["content-range", "content-length", "etag", "retry-after"] {
            assert!(exposed.contains(name), "{name} of {path} in {exposed}");
        }
    }
}

#[tokio::test]
async fn segments_are_kept_for_good_and_playlists_are_asked_for_again() {
    let world = relay().await;
    let cases = [
        (SEGMENT, "public, max-age=31536000, immutable", "video/iso.segment"),
        ("/media/sample/r2/init.mp4", "public, max-age=31536000, immutable", "video/mp4"),
        ("/media/sample/master.m3u8", "public, max-age=60", "application/vnd.apple.mpegurl"),
        ("/media/sample/r0/index.m3u8", "public, max-age=60", "application/vnd.apple.mpegurl"),
        ("/media/sample/r0/records/0.bin", "public, max-age=60", "application/vnd.thetab.records"),
        ("/media/sample/r0/records/init.bin", "public, max-age=60", "application/vnd.thetab.records"),
        ("/api/v1/streams/sample", "no-cache", "application/json"),
        ("/media/sample/r0/9999.m4s", "no-store", "application/json"),
    ];
    for (path, cache_control, content_type) in cases {
        let response = world.get(path).await;
        assert_eq!(header_of(&response, "cache-control"), cache_control, "{path}");
        assert_eq!(header_of(&response, "content-type"), content_type, "{path}");
        assert_eq!(header_of(&response, "x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn media_is_never_compressed() {
    let world = relay().await;
    for path in [SEGMENT, "/media/sample/r0/index.m3u8", "/media/sample/r0/records/0.bin"] {
        let response = world.ask(Method::GET, path, &[("accept-encoding", "br, gzip")]).await;
        assert_eq!(header_of(&response, "content-encoding"), "", "{path}");
    }
}

/// The counter, once it says `expected`; otherwise what it says in the end.
async fn counted(world: &World, kind: &str, expected: u64) -> u64 {
    let mut seen = 0;
    // An answer is accounted for when its last byte has left: a moment after the client has it.
    for _ in 0..500 {
        seen = world.metric(&format!("thetab_origin_bytes_total{{kind=\"{kind}\"}}")).await;
        if seen == expected {
            break;
        }
    }
    seen
}

#[tokio::test]
async fn the_metrics_count_the_bytes_that_were_sent() {
    let world = relay().await;
    let whole = world.bytes(SEGMENT).await.len() as u64;
    let init = world.bytes("/media/sample/r0/init.mp4").await.len() as u64;
    ranged(&world, "bytes=10-19").await;
    world.ask(Method::HEAD, SEGMENT, &[]).await;
    world.ask(Method::GET, SEGMENT, &[("if-none-match", "*")]).await;
    assert_eq!(counted(&world, "media", whole + init + 10).await, whole + init + 10);
    let playlists = world.bytes("/media/sample/master.m3u8").await.len() as u64;
    assert_eq!(counted(&world, "playlist", playlists).await, playlists);
    let records = world.bytes("/media/sample/r0/records/0.bin").await.len() as u64;
    assert_eq!(counted(&world, "record", records).await, records);
    assert!(world.text("/metrics").await.ends_with("# EOF\n"));
}

#[tokio::test]
async fn an_unknown_stream_says_so_wherever_it_is_asked_for() {
    let world = relay().await;
    let paths = [
        "/media/none/master.m3u8",
        "/media/none/r0/0.m4s",
        "/media/none/r0/records/0.bin",
        "/api/v1/streams/none",
    ];
    for path in paths {
        assert_eq!(refusal(world.get(path).await, StatusCode::NOT_FOUND).await, "stream_not_found", "{path}");
    }
    let ticket = world.post("/api/v1/streams/none/ticket", "{}").await;
    assert_eq!(refusal(ticket, StatusCode::NOT_FOUND).await, "stream_not_found");
    for path in [
        "/media/sample/r9/0.m4s",
        "/media/sample/r0/9999.m4s",
        "/media/sample/r0/records/7.bin",
        "/api/v1/what",
    ] {
        assert_eq!(refusal(world.get(path).await, StatusCode::NOT_FOUND).await, "not_found", "{path}");
    }
}

#[tokio::test]
async fn the_wrong_method_is_refused_in_words() {
    let world = relay().await;
    for path in [SEGMENT, "/api/v1/streams", "/healthz", "/metrics"] {
        let response = world.ask(Method::DELETE, path, &[]).await;
        assert_eq!(refusal(response, StatusCode::METHOD_NOT_ALLOWED).await, "method", "{path}");
    }
    let response = world.get("/api/v1/streams/sample/ticket").await;
    assert_eq!(refusal(response, StatusCode::METHOD_NOT_ALLOWED).await, "method");
}

#[tokio::test]
async fn it_is_healthy() {
    assert_eq!(relay().await.text("/healthz").await, "ok\n");
}
