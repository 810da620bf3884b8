//! A line to copy.

use leptos::{html, prelude::*, task::spawn_local};

use crate::{
    components::icon::{CHECK, COPY, Icon},
    platform::{self, Copied},
    text::Text,
};

/// A line of code with a button that copies it.
#[component]
pub fn CodeLine(#[prop(into)] code: Signal<String>) -> impl IntoView {
    let text = Text::here();
    let shown = NodeRef::<html::Code>::new();
    let copied = RwSignal::new(None::<Copied>);
    let copy = move |_| {
        let Some(element) = shown.get_untracked() else { return };
        spawn_local(async move {
            let outcome = platform::copy(&element).await;
            copied.try_set(Some(outcome));
        });
    };
    let label = move || match copied.get() {
        None => text.words().common.copy,
        Some(Copied::Yes) => text.words().common.copied,
        Some(Copied::Selected) => text.words().common.copy_by_hand,
    };
    let icon = Signal::derive(move || if copied.get() == Some(Copied::Yes) { CHECK } else { COPY });
    let announced = move || copied.get().map(|_| label());
    view! {
        <div class="tb-code">
            <code node_ref=shown>{code}</code>
            <button type="button" class="tb-button" on:click=copy on:blur=move |_| copied.set(None)>
                <Icon svg=icon/>
                <span>{label}</span>
            </button>
            <span class="tb-hidden" role="status">{announced}</span>
        </div>
    }
}
