//! What somebody who looks closer wants to know.

use leptos::prelude::*;
use thetab_web::{
    format,
    state::{
        snapshot::{RelayLine, Snapshot},
        stream::Stream,
    },
    words::Words,
};

use crate::{
    components::icon::{CHEVRON_DOWN, Icon},
    player::Session,
    text::{Pick, Text},
};

/// Picture, buffer, line, keys.
#[component]
pub fn Details(stream: Stream, session: Session) -> impl IntoView {
    let text = Text::here();
    let detail = move |name: Pick, value: fn(&Snapshot, &Words) -> String| {
        view! {
            <div>
                <dt>{text.of(name)}</dt>
                <dd>{move || session.now(|snapshot| value(snapshot, text.words()))}</dd>
            </div>
        }
    };
    let key = move |name: Pick, value: String| {
        let short = format::short_hex(&value);
        view! { <div><dt>{text.of(name)}</dt><dd><code title=value>{short}</code></dd></div> }
    };
    let identity = Memo::new(move |_| session.now(|snapshot| snapshot.identity.clone()).unwrap_or_default());
    view! {
        <details class="tb-panel__part tb-details">
            <summary>
                <span>{text.of(|words| words.watch.details)}</span>
                <Icon svg=CHEVRON_DOWN/>
            </summary>
            <dl class="tb-details__list">
                {detail(|words| words.watch.picture, |now, _| format!("{}p", now.playback.height))}
                {detail(|words| words.watch.buffer, |now, _| format::duration(now.playback.buffered_seconds))}
                {detail(|words| words.watch.stalls, |now, _| now.playback.stalls.to_string())}
                {detail(|words| words.watch.line, |now, words| line(now.relay, words).to_owned())}
                {detail(|words| words.watch.links, |now, _| now.banned_peers.to_string())}
                {key(|words| words.watch.publisher, stream.publisher)}
                {key(|words| words.watch.presentation, stream.presentation)}
                {move || {
                    let identity = identity.get();
                    (!identity.is_empty()).then(|| key(|words| words.watch.identity, identity))
                }}
            </dl>
        </details>
    }
}

fn line(line: RelayLine, words: &Words) -> &'static str {
    match line {
        RelayLine::Connected => words.watch.line_open,
        RelayLine::Connecting => words.watch.line_opening,
        RelayLine::Lost => words.watch.line_lost,
        RelayLine::Off => words.watch.line_closed,
    }
}
