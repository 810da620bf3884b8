//! What a page shows, as plain structs.

pub mod chart;
pub mod embed;
pub mod route;
pub mod settings;
pub mod sharing;
pub mod snapshot;
pub mod stream;
