//! The top of every page.

use leptos::prelude::*;
use thetab_web::words::Language;

use crate::{
    components::{
        icon::{Icon, LANGUAGES, MOON, SUN, SUN_MOON},
        logo::Logo,
    },
    platform::Theme,
    text::Text,
};

/// Logo, pages, language and theme.
#[component]
pub fn Header() -> impl IntoView {
    let text = Text::here();
    view! {
        <header class="tb-header">
            <div class="tb-header__row">
                <a href="/" class="tb-brand" aria-label=text.of(|words| words.common.to_home)>
                    <Logo/>
                    <span>"thetab"</span>
                </a>
                <nav class="tb-header__nav" aria-label=text.of(|words| words.common.menu)>
                    <a href="/#streams" class="tb-link">{text.of(|words| words.common.streams)}</a>
                    <a class="tb-link tb-header__more" rel="external" href="/player/embedding.html">
                        {text.of(|words| words.common.embedding)}
                    </a>
                </nav>
                <LanguageMenu/>
                <ThemeButton/>
            </div>
        </header>
    }
}

#[component]
fn LanguageMenu() -> impl IntoView {
    let text = Text::here();
    let choose = move |tag: String| {
        if let Some(language) = Language::of_tag(&tag) {
            text.choose(language);
        }
    };
    view! {
        <label class="tb-pick">
            <Icon svg=LANGUAGES/>
            <span class="tb-pick__shown" aria-hidden="true">{move || text.words().tag}</span>
            <span class="tb-hidden">{text.of(|words| words.common.language)}</span>
            <select on:change:target=move |event| choose(event.target().value())>
                {Language::ALL
                    .map(|language| {
                        let words = language.words();
                        view! {
                            <option value=words.tag lang=words.tag selected=move || text.language() == language>
                                {words.name}
                            </option>
                        }
                    })
                    .collect_view()}
            </select>
        </label>
    }
}

#[component]
fn ThemeButton() -> impl IntoView {
    let text = Text::here();
    let theme = RwSignal::new(Theme::remembered());
    let icon = Signal::derive(move || match theme.get() {
        Theme::System => SUN_MOON,
        Theme::Light => SUN,
        Theme::Dark => MOON,
    });
    let name = move || match theme.get() {
        Theme::System => text.words().common.theme_system,
        Theme::Light => text.words().common.theme_light,
        Theme::Dark => text.words().common.theme_dark,
    };
    let turn = move |_| {
        theme.update(|theme| *theme = theme.next());
        theme.get_untracked().apply();
    };
    view! {
        <button type="button" class="tb-icon-button" aria-label=name title=name on:click=turn>
            <Icon svg=icon/>
        </button>
    }
}
