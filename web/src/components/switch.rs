//! A switch: on or off, at once.

use leptos::prelude::*;

/// One switch with its label.
#[component]
pub fn Switch(
    /// Its name.
    #[prop(into)]
    label: Signal<String>,
    /// A sentence below the name.
    #[prop(into, optional)]
    hint: MaybeProp<String>,
    /// Whether the name is only for screen readers.
    #[prop(optional)]
    quiet: bool,
    #[prop(into)] is_on: Signal<bool>,
    #[prop(into)] flip: Callback<bool>,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="tb-switch"
            role="switch"
            aria-checked=move || is_on.get().to_string()
            on:click=move |_| flip.run(!is_on.get_untracked())
        >
            <span class="tb-switch__text" class:tb-hidden=quiet>
                <span>{label}</span>
                {move || hint.get().map(|hint| view! { <span class="tb-quiet">{hint}</span> })}
            </span>
            <span class="tb-switch__track"><span class="tb-switch__thumb"></span></span>
        </button>
    }
}
