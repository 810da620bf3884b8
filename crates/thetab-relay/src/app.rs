//! Serves the built web app, compressed, with the headers that keep it to itself.

use std::path::{Path, PathBuf};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use sha2::{Digest as _, Sha256};
use tower_http::{
    compression::CompressionLayer,
    cors::{Any, CorsLayer},
    services::ServeDir,
};

use crate::error::ApiError;

const NO_APP: &str = "<!doctype html><meta charset=utf-8><title>thetab relay</title>\
<p>This relay runs without the web app. Its streams are listed at <a href=\"/api/v1/streams\">/api/v1/streams</a>.</p>\
<p>To serve the app as well, start it with <code>--app dist/app</code>.</p>\n";

/// Routes for everything that is not the API or media.
pub(crate) fn router(folder: Option<&Path>) -> Router {
    let Some(folder) = folder.map(Path::to_path_buf) else {
        return Router::new()
            .route("/", get(|| async { Html(NO_APP) }))
            .fallback(|| async { ApiError::not_found() });
    };
    let index = Page::read(&folder, "index.html", "'none'");
    let embed = Page::read(&folder, "player/embed.html", "*");
    let (plain_index, plain_embed) = (index.clone(), embed.clone());
    Router::new()
        .route("/embed/{name}", get(move || serve_page(embed.clone())))
        // The files themselves have the same headers as the pages that they are.
        .route("/index.html", get(move || serve_page(plain_index.clone())))
        .route("/player/embed.html", get(move || serve_page(plain_embed.clone())))
        .fallback_service(
            ServeDir::new(&folder)
                .append_index_html_on_directories(false)
                // What the build compressed as strongly as it can; other files are compressed as they go.
                .precompressed_br()
                .precompressed_gzip()
                .fallback(get(move |request: Request| fall_back(index.clone(), request))),
        )
        .layer(middleware::from_fn(cache))
        // Pages of other origins import the player and the node.
        .layer(CorsLayer::new().allow_origin(Any).allow_methods([Method::GET, Method::HEAD]))
        .layer(CompressionLayer::new())
}

/// One HTML page and who may frame it. Read at each request, so that a rebuilt app shows without a restart.
#[derive(Clone, Debug)]
struct Page {
    path: PathBuf,
    frame_ancestors: &'static str,
}

impl Page {
    fn read(folder: &Path, name: &str, frame_ancestors: &'static str) -> Page {
        Page { path: folder.join(name), frame_ancestors }
    }
}

async fn fall_back(index: Page, request: Request) -> Response {
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    if last.contains('.') && last != "index.html" {
        ApiError::not_found().into_response()
    } else {
        serve_page(index).await
    }
}

async fn serve_page(page: Page) -> Response {
    match tokio::fs::read_to_string(&page.path).await {
        Ok(html) => (security_headers(&html, page.frame_ancestors), Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, page = %page.path.display(), "the web app is not built; run: cargo xtask wasm");
            let message = "the web app is not built; run: cargo xtask wasm";
            ApiError::new(StatusCode::NOT_FOUND, "app_missing", message).into_response()
        }
    }
}

fn security_headers(html: &str, frame_ancestors: &str) -> HeaderMap {
    let hashes: String = inline_scripts(html)
        .map(|script| format!(" 'sha256-{}'", BASE64.encode(Sha256::digest(script.as_bytes()))))
        .collect();
    let policy = format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'{hashes}; worker-src 'self' blob:; media-src 'self' blob: https:; \
         img-src 'self' data:; style-src 'self'; font-src 'self'; connect-src 'self' ws: wss: http: https:; object-src 'none'; \
         base-uri 'self'; form-action 'self'; frame-ancestors {frame_ancestors}"
    );
    let policy = HeaderValue::from_str(&policy).expect("directives and base64 are a header value");
    HeaderMap::from_iter([
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), microphone=(), geolocation=(), payment=()"),
        ),
    ])
}

/// The text of each `<script>` without a `src`: what the policy must name by hash.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    html.split("<script").skip(1).filter_map(|rest| {
        let (attributes, body) = rest.split_once('>')?;
        let (script, _) = body.split_once("</script>")?;
        (!attributes.contains("src=")).then_some(script)
    })
}

/// Files with a content hash in their name are kept for good; all others are asked for again.
async fn cache(request: Request, next: Next) -> Response {
    let hashed = has_content_hash(request.uri().path());
    let mut response = next.run(request).await;
    let value = if hashed && response.status().is_success() {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(value));
    // A cache between must not give one browser what another one asked for.
    headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

fn has_content_hash(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    file.split(['-', '.', '_'])
        .any(|part| part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;

    #[test]
    fn inline_scripts_are_named_by_hash_and_others_are_not() {
        let html = "<script type=\"module\">go()</script><script src=\"/a.js\"></script>";
        assert_eq!(inline_scripts(html).collect::<Vec<_>>(), ["go()"]);
        let headers = security_headers(html, "'none'");
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains(&format!("'sha256-{}'", BASE64.encode(Sha256::digest("go()")))));
        assert_eq!(policy.matches("sha256-").count(), 1);
    }

    #[tokio::test]
    async fn a_page_of_another_origin_may_import_the_player() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("player")).unwrap();
        std::fs::write(folder.path().join("player/thetab-player.js"), "export {}").unwrap();
        let request = Request::get("/player/thetab-player.js").header(header::ORIGIN, "https://blog.example");
        let response = router(Some(folder.path()))
            .oneshot(request.body(axum::body::Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    }

    #[test]
    fn only_names_with_a_hash_are_kept_for_good() {
        assert!(has_content_hash("/thetab-web-1a2b3c4d5e6f7a8b.js"));
        assert!(!has_content_hash("/player/thetab-player.js"));
    }
}
