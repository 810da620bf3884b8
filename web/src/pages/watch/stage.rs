//! The video, its title, and what went wrong with it.

use leptos::{html, prelude::*, task::spawn_local};
use thetab_web::{
    format,
    state::{sharing::Proof, snapshot::PlayerError, stream::Stream},
    words::Problem,
};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlVideoElement;

use crate::{
    components::{
        evidence::Evidence,
        icon::{Icon, VOLUME_OFF},
        notice::Notice,
    },
    player::{Description, Session},
    text::Text,
};

/// The video and everything that belongs to it.
#[component]
pub fn Stage(
    stream: Stream,
    /// The stream as the relay described it: what the player wants.
    description: Description,
    session: Session,
) -> impl IntoView {
    let text = Text::here();
    let video = NodeRef::<html::Video>::new();
    let is_muted = RwSignal::new(false);
    Effect::new(move |_| {
        let Some(video) = video.get() else { return };
        spawn_local(async move {
            session.start(description, video.clone()).await;
            let muted = play(&video).await;
            is_muted.try_set(muted);
        });
    });
    let title = stream.title.clone();
    let name = move || text.words().fill(text.words().watch.video, &[("title", &title)]);
    let unmute = move |_| {
        if let Some(video) = video.get_untracked() {
            video.set_muted(false);
        }
    };
    view! {
        <div class="tb-stage">
            <div class="tb-screen">
                <video
                    class="tb-screen__video"
                    node_ref=video
                    controls
                    playsinline
                    autoplay
                    preload="auto"
                    aria-label=name
                    hidden=move || session.ended_by.with(Option::is_some)
                    on:volumechange:target=move |event| {
                        if !event.target().muted() {
                            is_muted.set(false);
                        }
                    }
                ></video>
                <Show when=move || is_muted.get()>
                    <button type="button" class="tb-button tb-screen__sound" on:click=unmute>
                        <Icon svg=VOLUME_OFF/>
                        {text.of(|words| words.watch.sound_off)}
                    </button>
                </Show>
                <Ending session=session/>
            </div>
            <Trouble session=session/>
            <Caption stream=stream session=session/>
        </div>
    }
}

/// Plays; where the browser allows no sound before a touch, plays without. Says whether it had to.
async fn play(video: &HtmlVideoElement) -> bool {
    let Err(refusal) = attempt(video).await else { return false };
    let name = js_sys::Reflect::get(&refusal, &"name".into()).ok().and_then(|name| name.as_string());
    if name.as_deref() != Some("NotAllowedError") {
        return false;
    }
    video.set_muted(true);
    attempt(video).await.is_ok()
}

async fn attempt(video: &HtmlVideoElement) -> Result<JsValue, JsValue> {
    JsFuture::from(video.play()?).await
}

/// What ended playback, over the picture.
#[component]
fn Ending(session: Session) -> impl IntoView {
    let text = Text::here();
    move || {
        session.ended_by.get().map(|error| {
            let (problem, said) = describe(&error, text);
            view! {
                <div class="tb-screen__ending">
                    <Notice problem=problem code=error.code said=said>
                        <a class="tb-button" rel="external" href="">{text.of(|words| words.common.try_again)}</a>
                        <a href="/#streams" class="tb-button">
                            {text.of(|words| words.problems.all_streams)}
                        </a>
                    </Notice>
                </div>
            }
        })
    }
}

/// What is wrong while playback goes on, below the picture.
#[component]
fn Trouble(session: Session) -> impl IntoView {
    let text = Text::here();
    let error = Memo::new(move |_| {
        let ended = session.ended_by.with(Option::is_some);
        session.snapshot.with(|snapshot| snapshot.as_ref()?.error.clone()).filter(|_| !ended)
    });
    move || {
        error.get().map(|error| {
            let (problem, said) = describe(&error, text);
            view! { <Notice problem=problem code=error.code said=said/> }
        })
    }
}

/// An error in the visitor's language; of one that this build does not know, also what the player said.
fn describe(error: &PlayerError, text: Text) -> (Signal<Problem>, Option<String>) {
    let code = error.code.clone();
    let said = text.words().problem(&code).is_none().then(|| error.message.clone());
    let problem = move || text.words().problem(&code).unwrap_or(text.words().problems.unknown);
    (Signal::derive(problem), said)
}

/// Title, length, viewers and quality.
#[component]
fn Caption(stream: Stream, session: Session) -> impl IntoView {
    let text = Text::here();
    let count = stream.viewers;
    let viewers =
        move || session.snapshot.with(|snapshot| snapshot.as_ref().map_or(count, |now| now.viewers));
    let fact = Signal::derive(move || text.words().viewers(viewers()));
    let note = Signal::derive(move || text.words().proof.viewers_reported.to_owned());
    let steps = Signal::derive(move || {
        let words = text.words();
        let peers = session.now(|snapshot| snapshot.peers).to_string();
        words.proof.viewers_steps.iter().map(|step| words.fill(step, &[("peers", &peers)])).collect()
    });
    view! {
        <div class="tb-caption">
            <div class="tb-caption__head">
                <h1>{stream.title.clone()}</h1>
                <Quality session=session/>
            </div>
            <div class="tb-caption__facts">
                {if stream.live {
                    view! { <span class="tb-live">{text.of(|words| words.common.live)}</span> }.into_any()
                } else {
                    view! { <span class="tb-quiet">{stream.duration_seconds.map(format::duration)}</span> }.into_any()
                }}
                <Evidence fact=fact proof=Signal::stored(Proof::Reported) note=note steps=steps/>
            </div>
        </div>
    }
}

/// The menu of qualities, where there is a choice.
#[component]
fn Quality(session: Session) -> impl IntoView {
    let text = Text::here();
    let height = move || session.now(|snapshot| snapshot.playback.height);
    let held = RwSignal::new(None::<usize>);
    let automatic = move || {
        let name = text.words().watch.automatic;
        match (height(), held.get()) {
            (height, None) if height > 0 => format!("{name} ({height}p)"),
            _ => name.to_owned(),
        }
    };
    let choose = move |value: String| {
        held.set(value.parse().ok());
        session.set_level(held.get_untracked());
    };
    let options = move || {
        let levels = session.levels.get().into_iter().enumerate();
        levels
            .map(|(index, level)| {
                let label = move || {
                    format!("{}p, {}", level.height, format::rate(level.bitrate as u64, text.words()))
                };
                view! { <option value=index.to_string()>{label}</option> }
            })
            .collect_view()
    };
    view! {
        <Show when=move || session.levels.with(|levels| levels.len() > 1)>
            <label class="tb-field tb-field--inline">
                <span class="tb-quiet">{text.of(|words| words.watch.quality)}</span>
                <select class="tb-select" on:change:target=move |event| choose(event.target().value())>
                    <option value="">{automatic}</option>
                    {options}
                </select>
            </label>
        </Show>
    }
}
