//! What the pages ask of the browser: storage, title, clipboard, fetching.

use serde::de::DeserializeOwned;
use thetab_web::words::Language;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Document, HtmlElement, Response, Storage, Window};

const LANGUAGE_KEY: &str = "thetab.language";
const THEME_KEY: &str = "thetab.theme";

/// The page's window.
pub fn window() -> Window {
    web_sys::window().expect("the app runs in a page")
}

/// The page's document.
pub fn document() -> Document {
    window().document().expect("a page has a document")
}

/// `None` where the browser refuses storage, as in some private windows.
fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

fn remember(key: &str, value: Option<&str>) {
    let Some(storage) = storage() else { return };
    // A full or forbidden storage forgets the choice with the page; nothing else depends on it.
    let _ = match value {
        Some(value) => storage.set_item(key, value),
        None => storage.remove_item(key),
    };
}

fn remembered(key: &str) -> Option<String> {
    storage()?.get_item(key).ok().flatten()
}

/// The language that the visitor chose here, or the first of the browser's that the app speaks.
pub fn initial_language() -> Language {
    if let Some(language) = remembered(LANGUAGE_KEY).and_then(|tag| Language::of_tag(&tag)) {
        return language;
    }
    let tags: Vec<String> =
        window().navigator().languages().iter().filter_map(|tag| tag.as_string()).collect();
    Language::preferred(tags.iter().map(String::as_str))
}

/// Keeps a chosen language for the next visit.
pub fn remember_language(language: Language) {
    remember(LANGUAGE_KEY, Some(language.words().tag));
}

/// Tells the document its language.
pub fn set_document_language(language: Language) {
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("lang", language.words().tag);
    }
}

/// Light, dark, or what the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// What the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// What the visitor chose here.
    pub fn remembered() -> Theme {
        match remembered(THEME_KEY).as_deref() {
            Some("light") => Theme::Light,
            Some("dark") => Theme::Dark,
            _ => Theme::System,
        }
    }

    /// The one after it.
    pub fn next(self) -> Theme {
        match self {
            Theme::System => Theme::Light,
            Theme::Light => Theme::Dark,
            Theme::Dark => Theme::System,
        }
    }

    fn attribute(self) -> Option<&'static str> {
        match self {
            Theme::System => None,
            Theme::Light => Some("light"),
            Theme::Dark => Some("dark"),
        }
    }

    /// Shows it, and keeps it for the next visit.
    pub fn apply(self) {
        remember(THEME_KEY, self.attribute());
        let Some(root) = document().document_element() else { return };
        let _ = match self.attribute() {
            Some(name) => root.set_attribute("data-theme", name),
            None => root.remove_attribute("data-theme"),
        };
        paint_browser();
    }
}

/// Gives the browser's own bars the page's colour.
fn paint_browser() {
    let Some(body) = document().body() else { return };
    let colour = window().get_computed_style(&body).ok().flatten();
    let colour = colour.and_then(|style| style.get_property_value("background-color").ok());
    let metas = document().query_selector_all("meta[name=theme-color]").ok();
    let (Some(colour), Some(metas)) = (colour, metas) else { return };
    for index in 0..metas.length() {
        let meta = metas.item(index).and_then(|meta| meta.dyn_into::<web_sys::Element>().ok());
        if let Some(meta) = meta {
            let _ = meta.set_attribute("content", &colour);
        }
    }
}

/// The page's origin, such as `https://relay.example`.
pub fn origin() -> String {
    window().location().origin().unwrap_or_default()
}

/// Moves the focus to the first element that `selector` finds.
pub fn focus(selector: &str) {
    let found = document().query_selector(selector).ok().flatten();
    if let Some(element) = found.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// How a copy went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// It is in the clipboard.
    Yes,
    /// The browser refused, so the text is selected for the visitor.
    Selected,
}

/// Copies what `element` shows.
pub async fn copy(element: &HtmlElement) -> Copied {
    let text = element.text_content().unwrap_or_default();
    // Outside of a secure context there is no clipboard, whatever the type says.
    let clipboard = js_sys::Reflect::get(&window().navigator(), &"clipboard".into());
    if clipboard.is_ok_and(|clipboard| clipboard.is_object()) {
        let written = window().navigator().clipboard().write_text(&text);
        if JsFuture::from(written).await.is_ok() {
            return Copied::Yes;
        }
    }
    if let Ok(Some(selection)) = window().get_selection() {
        let _ = selection.select_all_children(element);
    }
    Copied::Selected
}

/// Why something could not be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The relay has no such thing.
    Missing,
    /// It does not answer, or not sensibly.
    Silent,
}

/// Fetches JSON; gives it read and as it came.
pub async fn fetch<T: DeserializeOwned>(path: &str) -> Result<(T, JsValue), FetchError> {
    let silent = |_| FetchError::Silent;
    let response = JsFuture::from(window().fetch_with_str(path)).await.map_err(silent)?;
    let response: Response = response.unchecked_into();
    match response.status() {
        404 | 410 => return Err(FetchError::Missing),
        200..=299 => {}
        _ => return Err(FetchError::Silent),
    }
    let value = JsFuture::from(response.json().map_err(silent)?).await.map_err(silent)?;
    let read = serde_wasm_bindgen::from_value(value.clone()).or(Err(FetchError::Silent))?;
    Ok((read, value))
}
