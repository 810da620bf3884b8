//! One module for each page.

pub mod home;
pub mod missing;
pub mod watch;

use std::sync::atomic::{AtomicBool, Ordering};

use leptos::{html, prelude::*};

use crate::platform;

static IS_FIRST_PAGE: AtomicBool = AtomicBool::new(true);

/// Names the document after the page; follows the title.
pub fn title_page(title: impl Fn() -> String + 'static) {
    Effect::new(move |_| platform::document().set_title(&title()));
}

/// After a move inside the app the focus goes to the new page, so that a screen reader reads on from there.
pub fn focus_after_move(page: NodeRef<html::Main>) {
    Effect::new(move |_| {
        let Some(page) = page.get() else { return };
        if !IS_FIRST_PAGE.swap(false, Ordering::Relaxed) {
            let _ = page.focus();
        }
    });
}
