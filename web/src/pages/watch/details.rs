//! What somebody who looks closer wants to know.

use leptos::prelude::*;
use thetab_web::{
    format,
    state::{snapshot::RelayLine, stream::Stream},
    words::Words,
};

use crate::{
    components::icon::{CHEVRON_DOWN, Icon},
    pages::watch::panel::part,
    player::Session,
    text::{Pick, Text},
};

/// Picture, buffer, line, keys.
#[component]
pub fn Details(stream: Stream, session: Session) -> impl IntoView {
    let text = Text::here();
    let playback = part(session, |snapshot| snapshot.playback);
    let line = part(session, |snapshot| snapshot.relay);
    let banned = part(session, |snapshot| snapshot.banned_peers);
    let identity = part(session, |snapshot| snapshot.identity.clone());
    let line = move || match line.get() {
        RelayLine::Connected => text.words().watch.line_open.to_owned(),
        RelayLine::Connecting => text.words().watch.line_opening.to_owned(),
        RelayLine::Lost => text.words().watch.line_lost.to_owned(),
        RelayLine::Off => text.words().watch.line_closed.to_owned(),
    };
    let buffered = move || format::duration(playback.get().buffered_seconds);
    let (publisher, presentation) = (stream.publisher.clone(), stream.presentation.clone());
    view! {
        <details class="tb-panel__part tb-details">
            <summary>
                <span>{text.of(|words| words.watch.details)}</span>
                <Icon svg=CHEVRON_DOWN/>
            </summary>
            <dl class="tb-details__list">
                <Detail name=|words| words.watch.picture value=move || format!("{:.0}p", playback.get().height)/>
                <Detail name=|words| words.watch.buffer value=buffered/>
                <Detail name=|words| words.watch.stalls value=move || format!("{:.0}", playback.get().stalls)/>
                <Detail name=|words| words.watch.line value=line/>
                <Detail name=|words| words.watch.links value=move || format::count(u64::from(banned.get()))/>
                <Key name=|words| words.watch.publisher value=publisher/>
                <Key name=|words| words.watch.presentation value=presentation/>
                {move || identity.get().map(|value| view! { <Key name=|words: &'static Words| words.watch.identity value=value/> })}
            </dl>
        </details>
    }
}

#[component]
fn Detail(name: Pick, value: impl Fn() -> String + Send + Sync + 'static) -> impl IntoView {
    let text = Text::here();
    let value = Memo::new(move |_| value());
    view! { <div><dt>{text.of(name)}</dt><dd>{value}</dd></div> }
}

#[component]
fn Key(name: Pick, value: String) -> impl IntoView {
    let text = Text::here();
    view! { <div><dt>{text.of(name)}</dt><dd><code title=value.clone()>{format::short_hex(&value)}</code></dd></div> }
}
