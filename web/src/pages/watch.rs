//! One stream: the player first, and beside it what the tab does with other viewers.

mod about;
mod details;
mod panel;
mod stage;

use std::time::Duration;

use leptos::{html, prelude::*, task::spawn_local};
use thetab_web::state::stream::Stream;
use wasm_bindgen::JsValue;

use crate::{
    components::{
        icon::{Icon, RETRY},
        notice::Notice,
    },
    pages::{
        focus_after_move, title_page,
        watch::{about::About, panel::Panel, stage::Stage},
    },
    platform::{self, FetchError},
    player::{Description, Session},
    text::Text,
};

const ASK_AGAIN: Duration = Duration::from_secs(3);

type Answer = Option<Result<Stream, FetchError>>;

/// The page of the stream that the address names.
#[component]
pub fn WatchPage(name: String) -> impl IntoView {
    let text = Text::here();
    let main = NodeRef::<html::Main>::new();
    focus_after_move(main);
    let Asked { answer, description, again } = ask(name.clone());
    title_page(move || {
        let words = text.words();
        let title = match answer.get() {
            Some(Ok(stream)) => stream.title,
            Some(Err(FetchError::Missing)) => words.problems.stream_not_found.title.to_owned(),
            Some(Err(FetchError::Silent)) => words.problems.relay_silent.title.to_owned(),
            None => name.clone(),
        };
        format!("{title} · thetab")
    });
    let body = move || match answer.get() {
        None => view! { <Waiting/> }.into_any(),
        Some(Ok(stream)) => view! { <Watching stream=stream description=description/> }.into_any(),
        Some(Err(error)) => view! { <NoStream error=error on_retry=again/> }.into_any(),
    };
    view! { <main class="tb-watch" id="content" tabindex="-1" node_ref=main>{body}</main> }
}

/// What the relay says about a stream.
#[derive(Clone, Copy)]
struct Asked {
    answer: RwSignal<Answer>,
    description: Description,
    again: Callback<()>,
}

/// Asks the relay for the stream; while the relay is silent, again and again.
fn ask(name: String) -> Asked {
    let answer = RwSignal::new(None::<Result<Stream, FetchError>>);
    let description = Description::new_local(JsValue::NULL);
    let again = Callback::new(move |()| {
        let path = format!("/api/v1/streams/{name}");
        spawn_local(async move {
            let found = platform::fetch::<Stream>(&path).await;
            if answer.try_with_untracked(|known| matches!(known, Some(Ok(_)))) != Some(false) {
                return; // The visitor left, or an earlier question was answered.
            }
            answer.set(Some(found.map(|(stream, value)| {
                description.set_value(value);
                stream
            })));
        });
    });
    again.run(());
    let unless_answered = move || {
        if answer.with_untracked(|answer| matches!(answer, Some(Err(FetchError::Silent)))) {
            again.run(());
        }
    };
    if let Ok(timer) = set_interval_with_handle(unless_answered, ASK_AGAIN) {
        on_cleanup(move || timer.clear());
    }
    Asked { answer, description, again }
}

/// The screen, dark, where the video will be.
#[component]
fn Waiting() -> impl IntoView {
    let text = Text::here();
    view! {
        <div class="tb-stage">
            <div class="tb-screen">
                <p class="tb-screen__waiting" role="status">{text.of(|words| words.watch.loading)}</p>
            </div>
        </div>
    }
}

#[component]
fn Watching(stream: Stream, description: Description) -> impl IntoView {
    let session = Session::new();
    view! {
        <Stage stream=stream.clone() description=description session=session/>
        <Panel stream=stream.clone() session=session/>
        <About stream=stream/>
    }
}

#[component]
fn NoStream(error: FetchError, on_retry: Callback<()>) -> impl IntoView {
    let text = Text::here();
    let is_missing = error == FetchError::Missing;
    let code = if is_missing { "stream_not_found" } else { "relay_silent" };
    let problem = Signal::derive(move || {
        let problems = &text.words().problems;
        if is_missing { problems.stream_not_found } else { problems.relay_silent }
    });
    view! {
        <div>
            <Notice problem=problem code=code.to_owned() as_heading=true>
                {(!is_missing)
                    .then(|| {
                        view! {
                            <button type="button" class="tb-button" on:click=move |_| on_retry.run(())>
                                <Icon svg=RETRY/>
                                {text.of(|words| words.common.try_again)}
                            </button>
                        }
                    })}
                <a href="/#streams" class="tb-button">{text.of(|words| words.problems.all_streams)}</a>
            </Notice>
        </div>
    }
}
