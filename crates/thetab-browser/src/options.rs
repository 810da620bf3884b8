use serde::Deserialize;
use thetab_wire::{PresentationId, PublisherKey};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error::NodeError;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What a node is for. */
export interface NodeOptions {
  /** 64 hex digits. */
  presentation: string;
  /** The publisher's Ed25519 key, 64 hex digits. */
  publisher: string;
  /** The stream's name on the relay. */
  name: string;
  live: boolean;
  /** Absolute URL under which the renditions lie; ends with a slash. */
  mediaBase: string;
  /** The relay's origin, without a slash at the end. */
  apiBase: string;
  /** Most bytes stored. */
  memoryLimitBytes: number;
  prefetchHorizonMs: number;
  /** Active links wanted, and the hard cap. */
  wantedLinks: number;
  maximumLinks: number;
  /** Whether to open the persistent account key: on the relay's own pages only. */
  account: boolean;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// The options as a page writes them.
    #[wasm_bindgen(typescript_type = "NodeOptions")]
    pub type NodeOptions;
}

/// The options, checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Options {
    presentation: String,
    publisher: String,
    pub(crate) name: String,
    pub(crate) live: bool,
    pub(crate) media_base: String,
    pub(crate) api_base: String,
    pub(crate) memory_limit_bytes: u32,
    pub(crate) prefetch_horizon_ms: u32,
    pub(crate) wanted_links: u16,
    pub(crate) maximum_links: u16,
    pub(crate) account: bool,
}

impl Options {
    /// Reads a page's object.
    ///
    /// # Errors
    /// [`NodeError::Options`] that names the field.
    pub(crate) fn read(options: NodeOptions) -> Result<Options, NodeError> {
        serde_wasm_bindgen::from_value(options.into())
            .map_err(|error: serde_wasm_bindgen::Error| NodeError::Options(error.to_string()))
    }

    /// The node's own configuration.
    ///
    /// # Errors
    /// [`NodeError::Options`] for keys that are not 64 hex digits.
    pub(crate) fn node(
        &self,
        entropy: [u8; 32],
        started_unix_seconds: u64,
    ) -> Result<thetab_node::Config, NodeError> {
        let digits = |field: &str| NodeError::Options(format!("`{field}` must be 64 hexadecimal digits"));
        let presentation: PresentationId = self.presentation.parse().or(Err(digits("presentation")))?;
        let publisher: PublisherKey = self.publisher.parse().or(Err(digits("publisher")))?;
        Ok(thetab_node::Config {
            entropy,
            started_unix_seconds,
            presentation,
            publisher,
            live: self.live,
            memory_limit_bytes: self.memory_limit_bytes as usize,
            prefetch_horizon_ms: self.prefetch_horizon_ms,
            wanted_links: usize::from(self.wanted_links),
            maximum_links: usize::from(self.maximum_links),
        })
    }
}
