//! The same over TLS.

use reqwest::{Certificate, StatusCode, Version};

use crate::support::relay_with;

#[tokio::test]
async fn over_tls_the_relay_speaks_http_2_and_its_url_says_https() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.key_pair.serialize_pem()).unwrap();
    let world = relay_with(|config| (config.tls_cert, config.tls_key) = (Some(cert), Some(key))).await;
    assert!(world.relay.url().starts_with("https://localhost:"), "{}", world.relay.url());
    let client = reqwest::Client::builder()
        .add_root_certificate(Certificate::from_pem(made.cert.pem().as_bytes()).unwrap())
        .resolve("localhost", world.address())
        .no_proxy()
        .build()
        .unwrap();
    let response = client.get(format!("{}/media/sample/r0/0.m4s", world.relay.url())).send().await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
    assert_eq!(
        response.bytes().await.unwrap(),
        std::fs::read(crate::support::sample().join("r0/0.m4s")).unwrap()
    );
}
