//! The web app: compressed, cached by its names, and to be framed only where it is meant to be.

use reqwest::{Method, StatusCode};
use tempfile::TempDir;

use crate::support::{World, header_of, refusal, relay, relay_with};

/// An app as it is built: a page, a script with a hash in its name, the player.
async fn with_app() -> (World, TempDir) {
    let app = tempfile::tempdir().unwrap();
    let script = "console.log('a script long enough to be worth compressing');".repeat(200);
    std::fs::create_dir(app.path().join("player")).unwrap();
    std::fs::write(app.path().join("index.html"), "<!doctype html><script>boot()</script>").unwrap();
    std::fs::write(app.path().join("web-1a2b3c4d5e6f7a8b.js"), &script).unwrap();
    std::fs::write(app.path().join("player/thetab-player.js"), &script).unwrap();
    std::fs::write(app.path().join("player/embed.html"), "<!doctype html><title>embed</title>").unwrap();
    let folder = app.path().to_path_buf();
    (relay_with(|config| config.app = Some(folder)).await, app)
}

#[tokio::test]
async fn the_app_is_compressed_as_the_browser_likes_it() {
    let (world, _app) = with_app().await;
    for (accepted, expected) in [("br, gzip", "br"), ("gzip", "gzip"), ("identity", "")] {
        let response =
            world.ask(Method::GET, "/web-1a2b3c4d5e6f7a8b.js", &[("accept-encoding", accepted)]).await;
        assert_eq!(header_of(&response, "content-encoding"), expected);
        assert!(header_of(&response, "vary").contains("accept-encoding"), "{accepted}");
        let length = response.bytes().await.unwrap().len();
        assert_eq!(length < 2000, !expected.is_empty(), "{length} bytes by {accepted}");
    }
}

#[tokio::test]
async fn what_the_build_compressed_is_not_compressed_again() {
    let (world, app) = with_app().await;
    for (ending, content) in [("br", "by brotli"), ("gz", "by gzip")] {
        std::fs::write(app.path().join(format!("web-1a2b3c4d5e6f7a8b.js.{ending}")), content).unwrap();
    }
    for (accepted, content) in [("br, gzip", "by brotli"), ("gzip", "by gzip")] {
        let response =
            world.ask(Method::GET, "/web-1a2b3c4d5e6f7a8b.js", &[("accept-encoding", accepted)]).await;
        assert_eq!(header_of(&response, "content-type"), "text/javascript");
        assert_eq!(header_of(&response, "cache-control"), "public, max-age=31536000, immutable");
        assert!(header_of(&response, "vary").contains("accept-encoding"), "{accepted}");
        assert_eq!(response.text().await.unwrap(), content);
    }
    assert!(world.text("/web-1a2b3c4d5e6f7a8b.js").await.contains("console.log"));
}

#[tokio::test]
async fn files_with_a_hash_in_their_name_are_kept_for_good_and_pages_are_not() {
    let (world, _app) = with_app().await;
    let cached = async |path: &str| header_of(&world.get(path).await, "cache-control");
    assert_eq!(cached("/web-1a2b3c4d5e6f7a8b.js").await, "public, max-age=31536000, immutable");
    for path in ["/", "/watch/sample", "/player/thetab-player.js", "/embed/sample"] {
        assert_eq!(cached(path).await, "no-cache", "{path}");
    }
}

#[tokio::test]
async fn every_page_of_the_app_is_its_index_and_missing_files_are_missing() {
    let (world, _app) = with_app().await;
    for path in ["/", "/watch/sample", "/watch/none", "/index.html"] {
        let response = world.get(path).await;
        let policy = header_of(&response, "content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("'sha256-"), "{path}: {policy}");
        assert!(response.text().await.unwrap().contains("boot()"), "{path}");
    }
    for path in ["/embed/sample", "/player/embed.html"] {
        let embed = world.get(path).await;
        assert!(header_of(&embed, "content-security-policy").contains("frame-ancestors *"), "{path}");
    }
    assert_eq!(refusal(world.get("/old-00112233.js").await, StatusCode::NOT_FOUND).await, "not_found");
}

#[tokio::test]
async fn without_an_app_the_front_page_says_where_the_streams_are() {
    let world = relay().await;
    assert!(world.text("/").await.contains("/api/v1/streams"));
    assert_eq!(refusal(world.get("/watch/sample").await, StatusCode::NOT_FOUND).await, "not_found");
}
