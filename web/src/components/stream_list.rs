//! The streams of this relay.

use leptos::prelude::*;
use thetab_web::{
    format,
    state::{sharing::Proof, stream::Stream},
};

use crate::{
    components::{
        icon::{ARROW_RIGHT, Icon, PLAY},
        mark::Mark,
    },
    text::Text,
};

/// One line for each stream; the whole line leads to it.
#[component]
pub fn StreamList(#[prop(into)] streams: Signal<Vec<Stream>>) -> impl IntoView {
    view! {
        <ul class="tb-streams">
            <For each=move || streams.get() key=|stream| (stream.name.clone(), stream.presentation.clone()) let:stream>
                <StreamLine stream=stream streams=streams/>
            </For>
        </ul>
    }
}

#[component]
fn StreamLine(stream: Stream, streams: Signal<Vec<Stream>>) -> impl IntoView {
    let text = Text::here();
    let name = stream.name.clone();
    // The list is asked for again and again; only the count of viewers moves.
    let viewers = Memo::new(move |_| {
        streams
            .with(|streams| streams.iter().find(|found| found.name == name).map_or(0, |found| found.viewers))
    });
    let length = stream.duration_seconds.map(format::duration);
    let height = stream.best_height().map(|height| format!("{height}p"));
    let proof = Signal::stored(Proof::Reported);
    let reported = move || {
        let words = text.words();
        format!(", {}{}", Proof::Reported.name(words), words.proof.viewers_reported)
    };
    view! {
        <li>
            <a href=stream.watch_path() class="tb-stream">
                <Fingerprint bars=stream.fingerprint()/>
                <span class="tb-stream__text">
                    <span class="tb-stream__title">{stream.title.clone()}</span>
                    <span class="tb-stream__facts tb-quiet">
                        {if stream.live {
                            view! { <span class="tb-live">{text.of(|words| words.common.live)}</span> }.into_any()
                        } else {
                            view! { <span>{length}</span> }.into_any()
                        }}
                        {height.map(|height| view! { <span>{height}</span> })}
                        <span class="tb-fact">
                            <Mark proof=proof/>
                            {move || text.words().viewers(viewers.get())}
                            <span class="tb-hidden">{reported}</span>
                        </span>
                    </span>
                </span>
                <Icon svg=ARROW_RIGHT/>
            </a>
        </li>
    }
}

/// A picture made of the stream's own identity, where there is no picture of the video.
#[component]
fn Fingerprint(bars: Vec<u32>) -> impl IntoView {
    let bars = bars.into_iter().zip(0_u32..).map(|(bar, index)| {
        let height = 24 + bar * 2 / 3;
        view! { <rect x=index * 16 + 4 y=144 - height / 2 width="8" height=height rx="4"></rect> }
    });
    view! {
        <span class="tb-tile" aria-hidden="true">
            <svg viewBox="0 0 512 288">{bars.collect_view()}</svg>
            <Icon svg=PLAY/>
        </span>
    }
}
