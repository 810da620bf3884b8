//! What the pages of the web app know and say, without a browser.
//!
//! Why apart from the pages: how a number is written, which sentence fits a player's snapshot and where a chart's line runs are
//! rules, and rules are tried on the host. The pages themselves (`main.rs`) exist only in a browser.

pub mod format;
pub mod state;
pub mod words;
