//! The question before anything is shared. A yes and a no are equally easy, and neither is chosen beforehand.

use leptos::prelude::*;
use thetab_web::{format, state::settings};

use crate::text::Text;

/// Asks once; the answer carries the limit that the visitor chose.
#[component]
pub fn Consent(
    /// The limit in force, in bits a second.
    upload_cap_bps: u64,
    /// A yes, with its limit.
    #[prop(into)]
    on_yes: Callback<u64>,
    /// A no, with the limit kept for later.
    #[prop(into)]
    on_no: Callback<u64>,
) -> impl IntoView {
    let text = Text::here();
    let cap = RwSignal::new(upload_cap_bps);
    let sentence = move || {
        let words = text.words();
        let (rate, hourly) = (format::rate(cap.get(), words), format::hourly(cap.get(), words));
        words.fill(words.consent.text, &[("cap", &rate.to_string()), ("hourly", &hourly.to_string())])
    };
    view! {
        <section class="tb-consent" aria-labelledby="consent-question">
            <h2 id="consent-question">{text.of(|words| words.consent.question)}</h2>
            <p>{sentence} " " {text.of(|words| words.consent.seen)}</p>
            <CapMenu current=cap on_choose=move |chosen| cap.set(chosen)/>
            <div class="tb-consent__answers">
                <button type="button" class="tb-button" on:click=move |_| on_yes.run(cap.get_untracked())>
                    {text.of(|words| words.consent.yes)}
                </button>
                <button type="button" class="tb-button" on:click=move |_| on_no.run(cap.get_untracked())>
                    {text.of(|words| words.consent.no)}
                </button>
            </div>
            <p class="tb-quiet">{text.of(|words| words.consent.remembered)}</p>
        </section>
    }
}

/// The menu of upload limits. With `or_nothing` it also offers to give nothing, as a limit of 0.
#[component]
pub fn CapMenu(
    #[prop(into)] current: Signal<u64>,
    #[prop(optional)] or_nothing: bool,
    #[prop(into)] on_choose: Callback<u64>,
) -> impl IntoView {
    let text = Text::here();
    let option = move |cap: u64| {
        let label = move || match cap {
            0 => text.words().watch.only_receive.to_owned(),
            cap => format::rate(cap, text.words()).to_string(),
        };
        view! { <option value=cap.to_string() prop:selected=move || cap == current.get()>{label}</option> }
    };
    let options = move || {
        let nothing = or_nothing.then_some(0);
        nothing.into_iter().chain(settings::offered_caps(current.get())).map(option).collect_view()
    };
    let choose = move |value: String| {
        if let Ok(cap) = value.parse() {
            on_choose.run(cap);
        }
    };
    view! {
        <label class="tb-field">
            <span>{text.of(|words| words.watch.upload_limit)}</span>
            <select class="tb-select" on:change:target=move |event| choose(event.target().value())>
                {options}
            </select>
        </label>
    }
}
