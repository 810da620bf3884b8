//! The mark of how far a fact is checked: the same four everywhere.

use leptos::prelude::*;
use thetab_web::state::sharing::Proof;

/// The mark alone; its name stands beside it as text.
#[component]
pub fn Mark(#[prop(into)] proof: Signal<Proof>) -> impl IntoView {
    let class = move || match proof.get() {
        Proof::Verified => "tb-mark tb-mark--verified",
        Proof::Pending => "tb-mark tb-mark--pending",
        Proof::Reported => "tb-mark tb-mark--reported",
        Proof::Distrusted => "tb-mark tb-mark--distrusted",
    };
    let shape = move || match proof.get() {
        Proof::Verified => r#"<circle cx="8" cy="8" r="7"/><path d="M4.8 8.3l2.2 2.2 4.3-4.6"/>"#,
        Proof::Pending => {
            r#"<circle cx="8" cy="8" r="6"/><circle class="tb-mark__core" cx="8" cy="8" r="2"/>"#
        }
        Proof::Reported => r#"<circle cx="8" cy="8" r="5.5"/>"#,
        Proof::Distrusted => r#"<path d="M8 1.8l6.6 12H1.4z"/><path d="M8 6.4v3.4M8 11.9v.1"/>"#,
    };
    view! { <svg class=class viewBox="0 0 16 16" aria-hidden="true" inner_html=shape></svg> }
}
