//! How to put this stream on another page.

use leptos::prelude::*;
use thetab_web::state::{embed, stream::Stream};

use crate::{
    components::{
        code_line::CodeLine,
        icon::{ARROW_RIGHT, Icon},
    },
    platform,
    text::Text,
};

/// The line to paste, and where the rest is written.
#[component]
pub fn About(stream: Stream) -> impl IntoView {
    let text = Text::here();
    let line = embed::embed_line(&platform::origin(), &stream.name, &stream.title);
    view! {
        <section class="tb-about" aria-labelledby="embed-title">
            <h2 id="embed-title">{text.of(|words| words.watch.embed)}</h2>
            <CodeLine code=line/>
            <a class="tb-link" rel="external" href="/player/embedding.html">
                {text.of(|words| words.home.embed_more)}
                <Icon svg=ARROW_RIGHT/>
            </a>
        </section>
    }
}
