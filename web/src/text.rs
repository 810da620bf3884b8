//! The visitor's language, for every component.

use leptos::prelude::*;
use thetab_web::words::{Language, Words};

use crate::platform;

/// The texts in the visitor's language. Reading them inside a closure follows a change of language.
#[derive(Clone, Copy)]
pub struct Text(RwSignal<Language>);

/// Picks one text out of a language's table.
pub type Pick = fn(&'static Words) -> &'static str;

impl Text {
    /// Gives every component below the texts.
    pub fn provide() -> Text {
        let text = Text(RwSignal::new(platform::initial_language()));
        provide_context(text);
        Effect::new(move |_| platform::set_document_language(text.0.get()));
        text
    }

    /// The texts that [`Text::provide`] gave.
    pub fn here() -> Text {
        expect_context()
    }

    /// The current table.
    pub fn words(self) -> &'static Words {
        self.0.get().words()
    }

    /// The current language.
    pub fn language(self) -> Language {
        self.0.get()
    }

    /// Changes it, and keeps it for the next visit.
    pub fn choose(self, language: Language) {
        platform::remember_language(language);
        self.0.set(language);
    }

    /// One text, as something that a view can follow.
    pub fn of(self, pick: Pick) -> impl Fn() -> &'static str + Copy + Send + Sync + 'static {
        move || pick(self.words())
    }
}
