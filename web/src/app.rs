//! The shell around every page.

use leptos::prelude::*;
use thetab_web::state::route::Route;

use crate::{
    components::{footer::Footer, header::Header},
    navigation,
    pages::{home::HomePage, missing::MissingPage, watch::WatchPage},
    platform,
    text::Text,
};

/// Puts the app in the place of the header that the document came with.
pub fn start() {
    console_error_panic_hook::set_once();
    if let Some(body) = platform::document().body() {
        body.set_inner_html("");
    }
    mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    let text = Text::provide();
    let route = navigation::current_route();
    let page = move || match route.get() {
        Route::Home => view! { <HomePage/> }.into_any(),
        Route::Watch(name) => view! { <WatchPage name=name/> }.into_any(),
        Route::Missing => view! { <MissingPage/> }.into_any(),
    };
    view! {
        <a class="tb-skip" href="#content">{text.of(|words| words.common.skip)}</a>
        <Header/>
        {page}
        <Footer/>
    }
}
