//! A fact with its mark; opening it says step by step how it is known.

use std::sync::atomic::{AtomicU32, Ordering};

use leptos::prelude::*;
use thetab_web::state::sharing::Proof;

use crate::{
    components::{
        icon::{CHEVRON_DOWN, Icon},
        mark::Mark,
    },
    text::Text,
};

static NEXT_ID: AtomicU32 = AtomicU32::new(0);

/// An id that no other element of the page has.
pub fn fresh_id(prefix: &str) -> String {
    format!("{prefix}-{}", NEXT_ID.fetch_add(1, Ordering::Relaxed))
}

/// A fact, its mark, a few words on how it is known, and the steps behind them.
#[component]
pub fn Evidence(
    /// What is known.
    #[prop(into)]
    fact: Signal<String>,
    /// How far.
    #[prop(into)]
    proof: Signal<Proof>,
    /// How and when, in a few words that follow the mark's name.
    #[prop(into)]
    note: Signal<String>,
    /// How, step by step.
    #[prop(into)]
    steps: Signal<Vec<String>>,
) -> impl IntoView {
    let text = Text::here();
    let is_open = RwSignal::new(false);
    let id = fresh_id("evidence");
    let list = id.clone();
    view! {
        <div class="tb-evidence">
            <span class="tb-evidence__fact">{fact}</span>
            <button
                type="button"
                class="tb-evidence__toggle"
                aria-expanded=move || is_open.get().to_string()
                aria-controls=id
                on:click=move |_| is_open.update(|is_open| *is_open = !*is_open)
            >
                <Mark proof=proof/>
                <span>{move || proof.get().name(text.words())} {note}</span>
                <span class="tb-hidden">{move || format!(". {}", text.words().proof.how)}</span>
                <Icon svg=CHEVRON_DOWN/>
            </button>
            <ol class="tb-evidence__steps" id=list hidden=move || !is_open.get()>
                {move || steps.get().into_iter().map(|step| view! { <li>{step}</li> }).collect_view()}
            </ol>
        </div>
    }
}
