//! What this is, what plays here, and what sharing means.

use std::time::Duration;

use leptos::{html, prelude::*, task::spawn_local};
use thetab_web::{
    state::{
        embed,
        stream::{self, Stream, StreamList as Listing},
    },
    words::Point,
};

use crate::{
    components::{
        code_line::CodeLine,
        diagram::Diagram,
        icon::{ARROW_RIGHT, Icon, PLAY, RETRY},
        notice::Notice,
        stream_list::StreamList,
    },
    pages::{focus_after_move, title_page},
    platform::{self, FetchError},
    text::Text,
};

const ASK_AGAIN: Duration = Duration::from_secs(5);
const PUBLISH_LINE: &str = "thetab publish film.mp4";

/// What the relay said about its streams.
type Answer = Option<Result<Vec<Stream>, FetchError>>;

/// The home page.
#[component]
pub fn HomePage() -> impl IntoView {
    let text = Text::here();
    let main = NodeRef::<html::Main>::new();
    title_page(move || text.words().home.title.to_owned());
    focus_after_move(main);
    let (answer, ask) = streams();
    view! {
        <main class="tb-page" id="content" tabindex="-1" node_ref=main>
            <Hero answer=answer/>
            <Streams answer=answer on_retry=ask/>
            <Meaning/>
            <Own/>
        </main>
    }
}

/// Asks for the streams now and every few seconds while the page is in sight.
fn streams() -> (RwSignal<Answer>, Callback<()>) {
    let answer = RwSignal::new(None);
    let ask = move || {
        spawn_local(async move {
            let listing = platform::fetch::<Listing>("/api/v1/streams").await;
            answer.try_maybe_update(|known| {
                let new = Some(listing.map(|(listing, _)| listing.streams));
                let changed = *known != new;
                *known = new;
                (changed, ())
            });
        });
    };
    ask();
    let ask_again = move || {
        if !platform::document().hidden() {
            ask();
        }
    };
    if let Ok(timer) = set_interval_with_handle(ask_again, ASK_AGAIN) {
        on_cleanup(move || timer.clear());
    }
    (answer, Callback::new(move |()| ask()))
}

#[component]
fn Hero(answer: RwSignal<Answer>) -> impl IntoView {
    let text = Text::here();
    // What to watch is suggested once: a button must not change under a finger.
    let suggested = Memo::new(move |known: Option<&Option<Stream>>| {
        known.cloned().flatten().or_else(|| {
            answer.with(|answer| match answer {
                Some(Ok(streams)) => stream::first_to_watch(streams).cloned(),
                _ => None,
            })
        })
    });
    let is_empty =
        Memo::new(move |_| answer.with(|answer| matches!(answer, Some(Ok(streams)) if streams.is_empty())));
    let action = move || match suggested.get() {
        Some(stream) => {
            let path = stream.watch_path();
            let label = move || text.words().fill(text.words().home.watch, &[("title", &stream.title)]);
            view! {
                <a href=path class="tb-button tb-button--main"><Icon svg=PLAY/>{label}</a>
            }
            .into_any()
        }
        None if is_empty.get() => view! {
            <a class="tb-button tb-button--main" href="#own">{text.of(|words| words.home.publish_first)}</a>
        }
        .into_any(),
        None => ().into_any(),
    };
    view! {
        <section class="tb-hero">
            <div class="tb-hero__text">
                <h1>{text.of(|words| words.home.headline)}</h1>
                <p class="tb-lead">{text.of(|words| words.home.lead)}</p>
                <div class="tb-actions tb-hero__actions">
                    {action}
                    <a class="tb-link" href="#sharing">{text.of(|words| words.home.learn)}</a>
                </div>
            </div>
            <Diagram/>
        </section>
    }
}

#[component]
fn Streams(answer: RwSignal<Answer>, on_retry: Callback<()>) -> impl IntoView {
    let text = Text::here();
    let listed = Signal::derive(move || answer.get().and_then(Result::ok).unwrap_or_default());
    let state = Memo::new(move |_| {
        answer.with(|answer| match answer {
            None => Shown::Nothing,
            Some(Err(_)) => Shown::Silence,
            Some(Ok(streams)) if streams.is_empty() => Shown::Emptiness,
            Some(Ok(_)) => Shown::List,
        })
    });
    let body = move || match state.get() {
        Shown::Nothing => view! { <div class="tb-streams tb-streams--waiting"></div> }.into_any(),
        Shown::Silence => {
            let problem = Signal::derive(move || text.words().problems.relay_silent);
            view! {
                <Notice problem=problem code="relay_silent">
                    <button type="button" class="tb-button" on:click=move |_| on_retry.run(())>
                        <Icon svg=RETRY/>
                        {text.of(|words| words.common.try_again)}
                    </button>
                </Notice>
            }
            .into_any()
        }
        Shown::Emptiness => view! {
            <div class="tb-empty">
                <h3>{text.of(|words| words.home.empty)}</h3>
                <p>{text.of(|words| words.home.empty_how)}</p>
                <CodeLine code=PUBLISH_LINE.to_owned()/>
            </div>
        }
        .into_any(),
        Shown::List => view! { <StreamList streams=listed/> }.into_any(),
    };
    view! {
        <section class="tb-section" id="streams" aria-labelledby="streams-title">
            <h2 id="streams-title">{text.of(|words| words.home.streams)}</h2>
            {body}
        </section>
    }
}

/// What stands in the place of the list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Silence,
    Emptiness,
    List,
}

#[component]
fn Meaning() -> impl IntoView {
    let text = Text::here();
    let points = move || {
        text.words()
            .home
            .points
            .map(|Point { title, text }| view! { <div class="tb-point"><h3>{title}</h3><p>{text}</p></div> })
            .collect_view()
    };
    view! {
        <section class="tb-section" id="sharing" aria-labelledby="sharing-title">
            <h2 id="sharing-title">{text.of(|words| words.home.sharing)}</h2>
            <div class="tb-points">{points}</div>
        </section>
    }
}

#[component]
fn Own() -> impl IntoView {
    let text = Text::here();
    let line = embed::embed_line(&platform::origin(), "film", "Film");
    view! {
        <section class="tb-section" id="own" aria-labelledby="own-title">
            <h2 id="own-title">{text.of(|words| words.home.own)}</h2>
            <div class="tb-own">
                <div class="tb-own__step">
                    <h3>{text.of(|words| words.home.publish)}</h3>
                    <p>{text.of(|words| words.home.publish_how)}</p>
                    <CodeLine code=PUBLISH_LINE.to_owned()/>
                </div>
                <div class="tb-own__step">
                    <h3>{text.of(|words| words.home.embed)}</h3>
                    <p>{text.of(|words| words.home.embed_how)}</p>
                    <CodeLine code=line/>
                    <a class="tb-link" rel="external" href="/player/embedding.html">
                        {text.of(|words| words.home.embed_more)}
                        <Icon svg=ARROW_RIGHT/>
                    </a>
                </div>
            </div>
        </section>
    }
}
