//! What went wrong, what still works, what to do, and a code to search for.

use leptos::prelude::*;
use thetab_web::words::Problem;

use crate::{
    components::icon::{ALERT, Icon},
    text::Text,
};

/// A problem, as a page shows it. Children are what a visitor can do.
#[component]
pub fn Notice(
    #[prop(into)] problem: Signal<Problem>,
    /// Stable, to search for.
    #[prop(into)]
    code: Signal<String>,
    /// What the one who reported it said, where the app has no words of its own for it.
    #[prop(optional_no_strip)]
    said: Option<String>,
    /// Whether it is the page's heading.
    #[prop(optional)]
    as_heading: bool,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let text = Text::here();
    let title = move || problem.get().title;
    view! {
        <div class="tb-notice" role="alert">
            <Icon svg=ALERT/>
            <div class="tb-notice__text">
                {if as_heading {
                    view! { <h1 class="tb-notice__title">{title}</h1> }.into_any()
                } else {
                    view! { <p class="tb-notice__title">{title}</p> }.into_any()
                }}
                {said.map(|said| view! { <p>{said}</p> })}
                <p>{move || problem.get().text}</p>
                <p class="tb-quiet">{text.of(|words| words.common.code)} " " <code>{code}</code></p>
                {children.map(|children| view! { <div class="tb-actions">{children()}</div> })}
            </div>
        </div>
    }
}
