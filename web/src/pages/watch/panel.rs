//! Consent, what sharing does, where the bytes come from, what was checked, and the limits.

use leptos::prelude::*;
use thetab_web::{
    format,
    state::{
        embed,
        settings::SUGGESTED_CAP_BPS,
        sharing::{Proof, Sharing},
        snapshot::{Mode, Snapshot},
        stream::Stream,
    },
};

use crate::{
    components::{
        code_line::CodeLine,
        consent::{CapMenu, Consent},
        evidence::Evidence,
        icon::{ARROW_RIGHT, Icon},
        sharing_bar::SharingBar,
        switch::Switch,
        traffic::{Minute, Totals},
    },
    pages::watch::details::Details,
    player::Session,
    text::Text,
};

/// One part of the latest snapshot; readers wake only when that part changes.
pub(super) fn part<T: Clone + PartialEq + Default + Send + Sync + 'static>(
    session: Session,
    of: impl Fn(&Snapshot) -> T + Send + Sync + 'static,
) -> Memo<T> {
    Memo::new(move |_| session.snapshot.with(|snapshot| snapshot.as_ref().map(&of).unwrap_or_default()))
}

/// Everything beside the player.
#[component]
pub fn Panel(stream: Stream, session: Session) -> impl IntoView {
    let is_there = Memo::new(move |_| session.snapshot.with(Option::is_some));
    move || {
        let stream = stream.clone();
        is_there.get().then(|| {
            view! {
                <div class="tb-side">
                    <Choice session=session/>
                    <div class="tb-panel">
                        <Traffic session=session/>
                        <Checked stream=stream.clone() session=session/>
                        <Limits session=session/>
                        <Details stream=stream.clone() session=session/>
                        <Embed stream=stream/>
                    </div>
                </div>
            }
        })
    }
}

/// The question; after an answer, the state and its switch.
#[component]
fn Choice(session: Session) -> impl IntoView {
    let sharing = Memo::new(move |_| {
        session.snapshot.with(|snapshot| snapshot.as_ref().map_or(Sharing::Starting, Sharing::of))
    });
    let is_unasked = Memo::new(move |_| sharing.get() == Sharing::Unasked);
    let cap = part(session, |snapshot| snapshot.sharing.upload_cap_bps);
    let is_on = part(session, |snapshot| snapshot.sharing.chosen != Mode::Off);
    let answer = move |mode: Mode| move |cap: f64| session.set_sharing(mode, cap);
    let flip =
        move |on: bool| session.set_sharing(if on { Mode::Share } else { Mode::Off }, cap.get_untracked());
    move || {
        if is_unasked.get() {
            let cap = Some(cap.get_untracked()).filter(|cap| *cap > 0.0).unwrap_or(SUGGESTED_CAP_BPS);
            view! { <Consent upload_cap_bps=cap on_yes=answer(Mode::Share) on_no=answer(Mode::Off)/> }
                .into_any()
        } else {
            view! { <SharingBar sharing=sharing upload_cap_bps=cap is_on=is_on flip=flip/> }.into_any()
        }
    }
}

#[component]
fn Traffic(session: Session) -> impl IntoView {
    let text = Text::here();
    let bytes = part(session, |snapshot| snapshot.bytes);
    let history = part(session, |snapshot| snapshot.history.clone());
    view! {
        <section class="tb-panel__part" aria-labelledby="traffic-title">
            <h2 id="traffic-title">{text.of(|words| words.watch.traffic)}</h2>
            <Totals bytes=bytes/>
            <Minute history=history/>
        </section>
    }
}

/// The pieces that this tab checked, and how.
#[component]
fn Checked(stream: Stream, session: Session) -> impl IntoView {
    let text = Text::here();
    let pieces = part(session, |snapshot| snapshot.pieces);
    let last = part(session, |snapshot| snapshot.last_verified_at);
    let proof = Memo::new(move |_| {
        session.snapshot.with(|snapshot| snapshot.as_ref().map_or(Proof::Pending, Proof::of_pieces))
    });
    let history = part(session, |snapshot| snapshot.history.len());
    let note = Memo::new(move |_| {
        history.track(); // The player's seconds drive the words for how long ago.
        let words = text.words();
        match (proof.get(), last.get()) {
            (Proof::Distrusted, _) => words.proof.pieces_distrusted.to_owned(),
            (Proof::Verified, Some(last)) => {
                let ago = format::ago((js_sys::Date::now() - last) / 1000.0, words);
                words.fill(words.proof.pieces_verified, &[("ago", &ago)])
            }
            _ => words.proof.pieces_pending.to_owned(),
        }
    });
    let steps = move || {
        let words = text.words();
        let time = last.get().map_or_else(|| "–".to_owned(), clock);
        let rejected = format::count(pieces.get().rejected as u64);
        let key = format::short_hex(&stream.publisher);
        let values = [("key", key.as_str()), ("time", &time), ("rejected", &rejected)];
        words.proof.pieces_steps.iter().map(|step| words.fill(step, &values)).collect()
    };
    let fact = Signal::derive(move || format::count(pieces.get().verified as u64));
    view! {
        <section class="tb-panel__part tb-panel__part--line" aria-labelledby="checked-title">
            <h2 id="checked-title">{text.of(|words| words.proof.pieces)}</h2>
            <Evidence fact=fact proof=proof note=note steps=Signal::derive(steps)/>
        </section>
    }
}

/// A moment as the visitor's clock shows it.
fn clock(unix_ms: f64) -> String {
    js_sys::Date::new(&unix_ms.into()).to_locale_time_string("default").into()
}

/// What the visitor allows while sharing is on.
#[component]
fn Limits(session: Session) -> impl IntoView {
    let text = Text::here();
    let sharing = part(session, |snapshot| snapshot.sharing);
    let chosen = Memo::new(move |_| sharing.get().chosen);
    let cap = Memo::new(move |_| sharing.get().upload_cap_bps);
    let shown = Memo::new(move |_| if chosen.get() == Mode::Download { 0.0 } else { cap.get() });
    let choose = move |wanted: f64| {
        if wanted > 0.0 {
            session.set_sharing(Mode::Share, wanted);
        } else {
            session.set_sharing(Mode::Download, cap.get_untracked());
        }
    };
    let label = Signal::derive(move || text.words().watch.metered.to_owned());
    let hint = Signal::derive(move || Some(text.words().watch.metered_why.to_owned()));
    view! {
        <section class="tb-panel__part" aria-labelledby="limits-title">
            <h2 id="limits-title">{text.of(|words| words.watch.limits)}</h2>
            <Show when=move || chosen.get() != Mode::Off>
                <CapMenu current=shown or_nothing=true on_choose=choose/>
            </Show>
            <Switch label=label hint=hint is_on=session.is_metered flip=move |on| session.set_metered(on)/>
        </section>
    }
}

#[component]
fn Embed(stream: Stream) -> impl IntoView {
    let text = Text::here();
    let line = embed::embed_line(&crate::platform::origin(), &stream.name, &stream.title);
    view! {
        <section class="tb-panel__part" aria-labelledby="embed-title">
            <h2 id="embed-title">{text.of(|words| words.watch.embed)}</h2>
            <p>{text.of(|words| words.watch.embed_how)}</p>
            <CodeLine code=line/>
            <a class="tb-link" rel="external" href="/player/embedding.html">
                {text.of(|words| words.home.embed_more)}
                <Icon svg=ARROW_RIGHT/>
            </a>
        </section>
    }
}
