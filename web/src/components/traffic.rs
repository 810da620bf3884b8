//! Where the video comes from: totals, their proportion, and the last minute.

use leptos::prelude::*;
use thetab_web::{
    format,
    state::{
        chart::{self, Band, Chart},
        snapshot::{Bytes, TrafficSecond},
    },
    words::Words,
};

use crate::text::{Pick, Text};

/// Three totals and how much of the video viewers brought.
#[component]
pub fn Totals(#[prop(into)] bytes: Signal<Bytes>) -> impl IntoView {
    let text = Text::here();
    let share = Memo::new(move |_| {
        let Bytes { from_peers, from_origin, .. } = bytes.get();
        let percent = format::percent(from_peers, from_peers + from_origin)?;
        let words = text.words();
        Some(words.fill(words.watch.share_of_viewers, &[("percent", &percent)]))
    });
    let width = Memo::new(move |_| {
        let Bytes { from_peers, from_origin, .. } = bytes.get();
        let whole = from_peers + from_origin;
        if whole > 0.0 { (from_peers / whole * 1000.0).round() / 10.0 } else { 0.0 }
    });
    view! {
        <dl class="tb-totals">
            <Total label=|words| words.watch.from_viewers value=move || bytes.get().from_peers mark="tb-key tb-key--peers"/>
            <Total label=|words| words.watch.from_relay value=move || bytes.get().from_origin mark="tb-key tb-key--origin"/>
            <Total label=|words| words.watch.given value=move || bytes.get().given mark="tb-key tb-key--given"/>
        </dl>
        <svg class="tb-share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
            <rect class="tb-share__origin" width="100" height="8"></rect>
            <rect class="tb-share__peers" width=width height="8"></rect>
        </svg>
        <p class="tb-quiet">{move || share.get().unwrap_or_else(|| "\u{a0}".to_owned())}</p>
    }
}

#[component]
fn Total(label: Pick, value: impl Fn() -> f64 + Send + Sync + 'static, mark: &'static str) -> impl IntoView {
    let text = Text::here();
    let quantity = Memo::new(move |_| format::data(value(), text.words()));
    view! {
        <div class="tb-total">
            <dt><span class=mark aria-hidden="true"></span>{text.of(label)}</dt>
            <dd>
                <span class="tb-total__number">{move || quantity.get().number}</span>
                " "
                <span class="tb-total__unit">{move || quantity.get().unit}</span>
            </dd>
        </div>
    }
}

/// The last minute as two stacked areas, with a sentence that says the same.
#[component]
pub fn Minute(#[prop(into)] history: Signal<Vec<TrafficSecond>>) -> impl IntoView {
    let text = Text::here();
    let chart = Memo::new(move |_| Chart::of(&history.get()));
    let sentence = move || {
        let (words, chart) = (text.words(), chart.get());
        let rate = |band: &Band| format::rate(band.mean_bps, words).to_string();
        words.fill(
            words.watch.minute_text,
            &[("peers", &rate(&chart.peers)), ("origin", &rate(&chart.origin))],
        )
    };
    let top = move || format::rate(chart.get().top_bps, text.words()).to_string();
    let frame = format!("0 0 {} {}", chart::WIDTH, chart::HEIGHT);
    view! {
        <figure class="tb-chart">
            <figcaption>{text.of(|words| words.watch.minute)}</figcaption>
            <svg viewBox=frame role="img" aria-label=sentence>
                <line class="tb-chart__grid" x2=chart::PLOT_WIDTH y1=chart::PLOT_TOP y2=chart::PLOT_TOP></line>
                <line class="tb-chart__axis" x2=chart::PLOT_WIDTH y1=chart::PLOT_BOTTOM y2=chart::PLOT_BOTTOM></line>
                <text class="tb-chart__scale" y=chart::PLOT_TOP - 7.0>{top}</text>
                <text class="tb-chart__scale" y=chart::PLOT_BOTTOM + 18.0>
                    {text.of(|words| words.watch.minute_ago)}
                </text>
                <text class="tb-chart__scale" x=chart::PLOT_WIDTH y=chart::PLOT_BOTTOM + 18.0 text-anchor="end">
                    {text.of(|words| words.watch.now)}
                </text>
                <Area class="tb-chart__origin" name=|words| words.watch.relay_short
                    band=Signal::derive(move || chart.get().origin)/>
                <Area class="tb-chart__peers" name=|words| words.watch.viewers_short
                    band=Signal::derive(move || chart.get().peers)/>
            </svg>
        </figure>
    }
}

#[component]
fn Area(class: &'static str, name: fn(&'static Words) -> &'static str, band: Signal<Band>) -> impl IntoView {
    let text = Text::here();
    let rate = move || format::rate(band.get().now_bps, text.words()).to_string();
    view! {
        <g class=class>
            <path class="tb-chart__area" d=move || band.get().area></path>
            <path class="tb-chart__edge" d=move || band.get().edge></path>
            <text x=chart::PLOT_WIDTH + 10.0 y=move || band.get().label_y - 3.0>{text.of(name)}</text>
            <text class="tb-chart__rate" x=chart::PLOT_WIDTH + 10.0 y=move || band.get().label_y + 13.0>{rate}</text>
        </g>
    }
}
