//! What the tab does with other viewers, and the switch that ends it.

use leptos::prelude::*;
use thetab_web::state::sharing::{Sharing, Tone};

use crate::{components::switch::Switch, text::Text};

/// The state in words; the switch stays in sight while the page is scrolled.
#[component]
pub fn SharingBar(
    #[prop(into)] sharing: Signal<Sharing>,
    /// The limit in force, in bits a second.
    #[prop(into)]
    upload_cap_bps: Signal<u64>,
    /// Whether the visitor chose to share.
    #[prop(into)]
    is_on: Signal<bool>,
    #[prop(into)] flip: Callback<bool>,
) -> impl IntoView {
    let text = Text::here();
    let headline = move || sharing.get().headline(text.words());
    let detail = move || sharing.get().detail(upload_cap_bps.get(), text.words());
    let steady = Memo::new(move |_| sharing.get().steady());
    let has_switch = move || !matches!(steady.get(), Sharing::Unavailable | Sharing::Failed);
    let label = Signal::derive(move || text.words().sharing.switch.to_owned());
    view! {
        <section class="tb-bar" aria-label=text.of(|words| words.sharing.switch)>
            <span class=move || dot_class(steady.get().tone()) aria-hidden="true"></span>
            <div class="tb-bar__text">
                <p class="tb-bar__headline">{headline}</p>
                <p class="tb-quiet">{detail}</p>
            </div>
            <Show when=has_switch>
                <Switch label=label quiet=true is_on=is_on flip=flip/>
            </Show>
        </section>
    }
}

/// Speaks each change of state, but not the count of viewers that ticks beside it. It stays in the page while the bar comes and
/// goes, because what is new in a page is not spoken.
#[component]
pub fn Announcement(#[prop(into)] sharing: Signal<Sharing>) -> impl IntoView {
    let text = Text::here();
    let steady = Memo::new(move |_| sharing.get().steady());
    let spoken = move || {
        let (words, steady) = (text.words(), steady.get());
        match steady {
            Sharing::Unasked => String::new(),
            Sharing::Both { .. } => words.sharing.both_spoken.to_owned(),
            Sharing::Taking { .. } => words.sharing.taking_spoken.to_owned(),
            other => format!("{}. {}", other.headline(words), other.detail(0, words)),
        }
    };
    view! { <p class="tb-hidden" role="status">{spoken}</p> }
}

fn dot_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Idle => "tb-dot tb-dot--idle",
        Tone::Pending => "tb-dot tb-dot--pending",
        Tone::Active => "tb-dot tb-dot--active",
        Tone::Problem => "tb-dot tb-dot--problem",
    }
}
