//! Consent, what sharing does, where the bytes come from, what was checked, and the limits.

use leptos::prelude::*;
use thetab_web::{
    format,
    state::{
        settings::SUGGESTED_CAP_BPS,
        sharing::{Proof, Sharing},
        snapshot::Mode,
        stream::Stream,
    },
};

use crate::{
    components::{
        consent::{CapMenu, Consent},
        evidence::Evidence,
        sharing_bar::{Announcement, SharingBar},
        switch::Switch,
        traffic::{Minute, Totals},
    },
    pages::watch::details::Details,
    platform,
    player::Session,
    text::Text,
};

/// Everything beside the player, from the first snapshot on, while there is something to watch.
#[component]
pub fn Panel(stream: Stream, session: Session) -> impl IntoView {
    let is_there =
        Memo::new(move |_| session.snapshot.with(Option::is_some) && session.ended_by.with(Option::is_none));
    move || {
        let stream = stream.clone();
        is_there.get().then(|| {
            view! {
                <div class="tb-side">
                    <Choice session=session/>
                    <div class="tb-panel">
                        <Traffic session=session/>
                        <Checked publisher=stream.publisher.clone() session=session/>
                        <Limits session=session/>
                        <Details stream=stream session=session/>
                    </div>
                </div>
            }
        })
    }
}

/// The question; after an answer, the state and its switch.
#[component]
fn Choice(session: Session) -> impl IntoView {
    let given = RwSignal::new(None::<Mode>);
    let sharing = Memo::new(move |_| session.now(Sharing::of).after(given.get()));
    let is_unasked = Memo::new(move |_| sharing.get() == Sharing::Unasked);
    let cap = Signal::derive(move || session.now(|snapshot| snapshot.sharing.upload_cap_bps()));
    let is_on = Signal::derive(move || session.now(|snapshot| snapshot.sharing.chosen != Mode::Off));
    let answer = move |mode: Mode| {
        move |cap: u64| {
            session.set_sharing(mode, cap);
            given.set(Some(mode));
            // The question is gone; what follows from the answer takes the focus.
            request_animation_frame(|| platform::focus(".tb-bar button"));
        }
    };
    let flip =
        move |on: bool| session.set_sharing(if on { Mode::Share } else { Mode::Off }, cap.get_untracked());
    let choice = move || {
        if is_unasked.get() {
            let cap = Some(cap.get_untracked()).filter(|cap| *cap > 0).unwrap_or(SUGGESTED_CAP_BPS);
            view! { <Consent upload_cap_bps=cap on_yes=answer(Mode::Share) on_no=answer(Mode::Off)/> }
                .into_any()
        } else {
            view! { <SharingBar sharing=sharing upload_cap_bps=cap is_on=is_on flip=flip/> }.into_any()
        }
    };
    view! { {choice} <Announcement sharing=sharing/> }
}

#[component]
fn Traffic(session: Session) -> impl IntoView {
    let text = Text::here();
    let bytes = Signal::derive(move || session.now(|snapshot| snapshot.bytes));
    let history = Signal::derive(move || session.now(|snapshot| snapshot.history.clone()));
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
fn Checked(publisher: String, session: Session) -> impl IntoView {
    let text = Text::here();
    let fact = Signal::derive(move || format::count(session.now(|snapshot| snapshot.pieces.verified)));
    let proof = Signal::derive(move || session.now(Proof::of_pieces));
    let note = Signal::derive(move || {
        let words = text.words();
        match (proof.get(), session.now(|snapshot| snapshot.last_verified_at)) {
            (Proof::Distrusted, _) => words.proof.pieces_distrusted.to_owned(),
            (Proof::Verified, Some(last)) => {
                let ago = format::ago((js_sys::Date::now() - last) / 1000.0, words);
                words.fill(words.proof.pieces_verified, &[("ago", &ago)])
            }
            _ => words.proof.pieces_pending.to_owned(),
        }
    });
    let key = format::short_hex(&publisher);
    let steps = Signal::derive(move || {
        let words = text.words();
        let time = session.now(|snapshot| snapshot.last_verified_at).map_or_else(|| "–".to_owned(), clock);
        let rejected = format::count(session.now(|snapshot| snapshot.pieces.rejected));
        let values = [("key", key.as_str()), ("time", &time), ("rejected", &rejected)];
        words.proof.pieces_steps.iter().map(|step| words.fill(step, &values)).collect()
    });
    view! {
        <section class="tb-panel__part tb-panel__part--line" aria-labelledby="checked-title">
            <h2 id="checked-title">{text.of(|words| words.proof.pieces)}</h2>
            <Evidence fact=fact proof=proof note=note steps=steps/>
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
    let chosen = Memo::new(move |_| session.now(|snapshot| snapshot.sharing.chosen));
    let cap = move || session.now(|snapshot| snapshot.sharing.upload_cap_bps());
    let shown = Signal::derive(move || if chosen.get() == Mode::Download { 0 } else { cap() });
    let choose = move |wanted: u64| match wanted {
        0 => session.set_sharing(Mode::Download, untrack(cap)),
        wanted => session.set_sharing(Mode::Share, wanted),
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
