use serde::Deserialize;
use thetab_node::Config;
use thetab_wire::{PresentationId, PublisherKey};
use wasm_bindgen::{JsCast as _, prelude::wasm_bindgen};
use web_sys::Url;

use crate::{clock, error::NodeError};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What a node is for, and how much it may use. */
export interface NodeOptions {
  /** The presentation, 64 hex digits. */
  presentation: string;
  /** The publisher's Ed25519 key, 64 hex digits. */
  publisher: string;
  /** The stream's name on its relay. */
  name: string;
  /** Whether new segments keep appearing. */
  live: boolean;
  /** Where the renditions lie: an absolute URL that ends with a slash. */
  mediaBase: string;
  /** The relay's origin, without a slash at the end. */
  apiBase: string;
  /** Hard limit of everything stored. */
  memoryLimitBytes: number;
  /** How far ahead of the playhead the node fetches before the player asks. */
  prefetchHorizonMs: number;
  /** Links that the node tries to have. */
  wantedLinks: number;
  /** Links that it has at most. */
  maximumLinks: number;
  /** Whether to open the persistent account key: only on the relay's own pages. */
  account: boolean;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// A `NodeOptions` object of the page.
    #[wasm_bindgen(typescript_type = "NodeOptions")]
    #[derive(Clone, Debug)]
    pub type NodeOptions;
}

/// The options, read.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Options {
    presentation: String,
    publisher: String,
    pub(crate) name: String,
    live: bool,
    pub(crate) media_base: String,
    pub(crate) api_base: String,
    memory_limit_bytes: u32,
    prefetch_horizon_ms: u32,
    wanted_links: u16,
    maximum_links: u16,
    pub(crate) account: bool,
}

impl Options {
    /// Reads the page's object.
    ///
    /// # Errors
    /// [`NodeError::Options`] that names what is wrong.
    pub(crate) fn read(object: NodeOptions) -> Result<Options, NodeError> {
        let read: Result<Options, _> = serde_wasm_bindgen::from_value(object.unchecked_into());
        let options = read.map_err(|error| NodeError::Options(error.to_string()))?;
        for base in [&options.media_base, &options.api_base] {
            Url::new(base).or(Err(NodeError::Options(format!("`{base}` is not an absolute URL"))))?;
        }
        Ok(options)
    }

    /// What the node makes of them.
    ///
    /// # Errors
    /// [`NodeError::Options`] when a key is not one, or the browser has no randomness.
    pub(crate) fn config(&self) -> Result<Config, NodeError> {
        let key = |name: &str| NodeError::Options(format!("`{name}` must be 64 hexadecimal digits"));
        let presentation: PresentationId = self.presentation.parse().or(Err(key("presentation")))?;
        let publisher: PublisherKey = self.publisher.parse().or(Err(key("publisher")))?;
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy)
            .or(Err(NodeError::Options("the browser gives no random numbers".into())))?;
        Ok(Config {
            entropy,
            started_unix_seconds: (clock::unix_ms() / 1000.0) as u64,
            presentation,
            publisher,
            live: self.live,
            memory_limit_bytes: self.memory_limit_bytes as usize,
            prefetch_horizon_ms: self.prefetch_horizon_ms,
            wanted_links: self.wanted_links.into(),
            maximum_links: self.maximum_links.into(),
        })
    }
}
