use js_sys::Reflect;
use wasm_bindgen::{JsCast as _, JsValue};

/// What a page gets instead of an answer: an `Error` with a stable `code`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NodeError {
    /// The options do not describe a node.
    #[error("the node's options cannot be used: {0}")]
    Options(String),
    /// A call's argument has no meaning.
    #[error("{0}")]
    Argument(&'static str),
    /// The module runs where WebRTC does not exist.
    #[error("an edge node runs on a page, not in a worker")]
    NoWindow,
    /// The player is to fetch the segment itself.
    #[error("fetch this segment over plain HTTP")]
    PlainHttp,
    /// The request was given up.
    #[error("the request was abandoned")]
    Abandoned,
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
    /// The module panicked or stopped answering.
    #[error("the node stopped: {0}")]
    Failed(String),
}

impl NodeError {
    fn code(&self) -> &'static str {
        match self {
            NodeError::Options(_) => "options_invalid",
            NodeError::Argument(_) => "argument_invalid",
            NodeError::NoWindow => "no_window",
            NodeError::PlainHttp => "plain_http",
            NodeError::Abandoned => "abandoned",
            NodeError::Closed => "closed",
            NodeError::Failed(_) => "node_failed",
        }
    }
}

impl From<NodeError> for JsValue {
    fn from(error: NodeError) -> JsValue {
        let object = js_sys::Error::new(&error.to_string());
        object.set_name("NodeError");
        // A fresh object takes any property.
        let _ = Reflect::set(&object, &"code".into(), &error.code().into());
        object.unchecked_into()
    }
}
