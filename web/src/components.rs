//! What pages are made of: props in, callbacks out.

pub mod code_line;
pub mod consent;
pub mod diagram;
pub mod evidence;
pub mod footer;
pub mod header;
pub mod icon;
pub mod logo;
pub mod mark;
pub mod notice;
pub mod sharing_bar;
pub mod stream_list;
pub mod switch;
pub mod traffic;
