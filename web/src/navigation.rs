//! Moves from page to page without loading the document again.
//!
//! Why not a router crate: the app has two pages, and `leptos_router` costs a sixth of the shell's whole size budget.

use leptos::{ev, prelude::*};
use thetab_web::state::route::Route;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Element, HtmlAnchorElement, MouseEvent};

use crate::platform::{document, window};

/// The page that the address means, from now on.
pub fn current_route() -> Memo<Route> {
    let path = RwSignal::new(current_path());
    window_event_listener(ev::popstate, move |_| path.set(current_path()));
    window_event_listener(ev::click, move |click| {
        let Some(link) = followed_link(&click) else { return };
        // Within one page the browser itself moves to the fragment.
        if link.pathname() == current_path() && !link.hash().is_empty() {
            return;
        }
        click.prevent_default();
        open(path, &link);
    });
    Memo::new(move |_| Route::of(&path.get()))
}

fn current_path() -> String {
    window().location().pathname().unwrap_or_default()
}

/// The link that a click follows inside the app, unless the visitor or the link asks for something else.
fn followed_link(click: &MouseEvent) -> Option<HtmlAnchorElement> {
    let has_modifier = click.alt_key() || click.ctrl_key() || click.meta_key() || click.shift_key();
    if click.default_prevented() || click.button() != 0 || has_modifier {
        return None;
    }
    let target: Element = click.target()?.dyn_into().ok()?;
    let link: HtmlAnchorElement = target.closest("a[href]").ok()??.dyn_into().ok()?;
    let is_ours = link.origin() == window().location().origin().ok()?;
    (is_ours && link.target().is_empty() && link.rel() != "external").then_some(link)
}

fn open(path: RwSignal<String>, link: &HtmlAnchorElement) {
    let Ok(history) = window().history() else { return };
    if history.push_state_with_url(&JsValue::NULL, "", Some(&link.href())).is_err() {
        return;
    }
    path.set(link.pathname());
    let fragment = link.hash();
    // The new page is in the document after this turn of the event loop.
    request_animation_frame(move || show(fragment.trim_start_matches('#')));
}

fn show(fragment: &str) {
    match document().get_element_by_id(fragment) {
        Some(element) => element.scroll_into_view(),
        None => window().scroll_to_with_x_and_y(0.0, 0.0),
    }
}
