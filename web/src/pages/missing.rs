//! An address that means nothing here.

use leptos::{html, prelude::*};

use crate::{
    pages::{focus_after_move, title_page},
    text::Text,
};

/// Says so, and leads on.
#[component]
pub fn MissingPage() -> impl IntoView {
    let text = Text::here();
    let main = NodeRef::<html::Main>::new();
    title_page(move || format!("{} · thetab", text.words().problems.page_missing.title));
    focus_after_move(main);
    view! {
        <main class="tb-page tb-page--narrow" id="content" tabindex="-1" node_ref=main>
            <p class="tb-quiet"><code>"404"</code></p>
            <h1>{text.of(|words| words.problems.page_missing.title)}</h1>
            <p>{text.of(|words| words.problems.page_missing.text)}</p>
            <p class="tb-actions">
                <a href="/#streams" class="tb-button tb-button--main">
                    {text.of(|words| words.problems.all_streams)}
                </a>
            </p>
        </main>
    }
}
