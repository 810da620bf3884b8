//! Relays on free ports with a data folder of their own, and clients that may come from any loopback address.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::LazyLock,
};

use reqwest::{Client, Method, Response, StatusCode, header};
use tempfile::TempDir;
use thetab_relay::{Kind, LimitSettings, PackagedSource, Relay, RelayConfig, publish_packaged};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The sample that travels with the repository, unpacked.
static SAMPLE: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../thetab/assets/sample.tar");
    tar::Archive::new(std::fs::File::open(archive).unwrap()).unpack(folder.path()).unwrap();
    folder
});

pub(crate) fn sample() -> &'static Path {
    SAMPLE.path()
}

/// One running relay.
pub(crate) struct World {
    pub(crate) relay: Relay,
    pub(crate) data: TempDir,
    client: Client,
}

/// A relay with the sample, published as `sample`.
pub(crate) async fn relay() -> World {
    relay_with(|_| ()).await
}

pub(crate) async fn relay_with(change: impl FnOnce(&mut RelayConfig)) -> World {
    let data = tempfile::tempdir().unwrap();
    publish(data.path(), "sample", Kind::Vod, false).unwrap();
    start_in(data, change).await
}

pub(crate) async fn start_in(data: TempDir, change: impl FnOnce(&mut RelayConfig)) -> World {
    let mut config = config(data.path());
    change(&mut config);
    let relay = Relay::start(&config).await.unwrap();
    World { relay, data, client: client_from(Ipv4Addr::LOCALHOST) }
}

/// Any free ports, and a rate of requests that no test meets unless it means to.
pub(crate) fn config(data: &Path) -> RelayConfig {
    let limits = LimitSettings { requests_per_second: 1_000_000, ..LimitSettings::default() };
    RelayConfig {
        limits,
        data: data.to_path_buf(),
        http_port: 0,
        webrtc_port: 0,
        websocket_port: 0,
        stun_port: 0,
        ..RelayConfig::default()
    }
}

/// More than the buffers of two sockets hold.
pub(crate) const LARGE_BYTES: usize = 16 << 20;

/// A relay with the stream `large`: one segment that no client takes at once.
pub(crate) async fn relay_with_a_large_segment(change: impl FnOnce(&mut RelayConfig)) -> World {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rendition = folder.path().join("r0");
    std::fs::create_dir(&rendition).unwrap();
    let master =
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=64x64,CODECS=\"avc1.64001f\"\nr0/index.m3u8\n";
    std::fs::write(folder.path().join("master.m3u8"), master).unwrap();
    let playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4.0,\n0.m4s\n#EXT-X-ENDLIST\n";
    std::fs::write(rendition.join("index.m3u8"), playlist).unwrap();
    std::fs::write(rendition.join("init.mp4"), "moov").unwrap();
    std::fs::write(rendition.join("0.m4s"), vec![7; LARGE_BYTES]).unwrap();
    let source = PackagedSource {
        folder: folder.path(),
        name: "large",
        title: "Large",
        kind: Kind::Vod,
        replace: false,
    };
    publish_packaged(data.path(), &source).unwrap();
    start_in(data, change).await
}

pub(crate) fn publish(
    data: &Path,
    name: &str,
    kind: Kind,
    replace: bool,
) -> Result<thetab_relay::Manifest, thetab_relay::PackageError> {
    publish_packaged(data, &PackagedSource { folder: sample(), name, title: "Sample", kind, replace })
}

/// A client whose connections come from `address`.
pub(crate) fn client_from(address: Ipv4Addr) -> Client {
    Client::builder()
        .local_address(IpAddr::V4(address))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

impl World {
    pub(crate) fn address(&self) -> SocketAddr {
        self.relay.http()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, &[]).await
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        ask_as(&self.client, method, &self.url(path), headers).await
    }

    /// The body of a path that is there.
    pub(crate) async fn bytes(&self, path: &str) -> Vec<u8> {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.bytes().await.unwrap().to_vec()
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        String::from_utf8(self.bytes(path).await).unwrap()
    }

    pub(crate) async fn json(&self, path: &str) -> serde_json::Value {
        serde_json::from_slice(&self.bytes(path).await).unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        let request = self.client.post(self.url(path)).header(header::CONTENT_TYPE, "application/json");
        request.body(body).send().await.unwrap()
    }

    /// One number of the metrics.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.text("/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse().unwrap())
    }

    /// Sends bytes as they are, and reads the answer until the relay closes.
    pub(crate) async fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        stream.write_all(request).await.unwrap();
        read_to_end(&mut stream).await
    }
}

/// What comes until the other end closes; a reset ends it as well.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}"),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) async fn ask_as(client: &Client, method: Method, url: &str, headers: &[(&str, &str)]) -> Response {
    let request = client.request(method, url);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

/// A header's text; empty without it.
pub(crate) fn header_of(response: &Response, name: &str) -> String {
    let values = response.headers().get_all(name).iter();
    values.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(", ")
}

pub(crate) async fn json_of(response: Response) -> serde_json::Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// Checks that a refusal says what it is, in JSON: its code.
pub(crate) async fn refusal(response: Response, status: StatusCode) -> String {
    let url = response.url().to_string();
    assert_eq!(response.status(), status, "{url}");
    assert_eq!(header_of(&response, "content-type"), "application/json", "{url}");
    let body: serde_json::Value = json_of(response).await;
    let message = body["error"]["message"].as_str().unwrap_or_default();
    assert!(message.len() > 10, "{url}: {body}");
    body["error"]["code"].as_str().unwrap().to_owned()
}
