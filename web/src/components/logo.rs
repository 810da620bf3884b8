//! The logo: a theta cut out of a browser tab.

use leptos::prelude::*;

/// The logo's shape; `assets/icon.svg` draws the same.
#[component]
pub fn Logo() -> impl IntoView {
    view! { <span class="tb-logo" aria-hidden="true" inner_html=include_str!("../../assets/logo.svg")></span> }
}
