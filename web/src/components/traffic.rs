//! Where the video comes from: totals, their proportion, and the last minute.

use leptos::prelude::*;
use thetab_web::{
    format,
    state::{
        chart::{self, Band, Chart},
        snapshot::{Bytes, TrafficSecond},
    },
};

use crate::text::{Pick, Text};

/// Three totals and how much of the video viewers brought.
#[component]
pub fn Totals(#[prop(into)] bytes: Signal<Bytes>) -> impl IntoView {
    let text = Text::here();
    let share = move || {
        let Bytes { from_peers, from_origin, .. } = bytes.get();
        let percent = format::percent(from_peers, from_peers + from_origin)?;
        let words = text.words();
        Some(words.fill(words.watch.share_of_viewers, &[("percent", &percent)]))
    };
    let per_mille = move || {
        let Bytes { from_peers, from_origin, .. } = bytes.get();
        (from_peers * 1000).checked_div(from_peers + from_origin).unwrap_or_default()
    };
    let total = move |label: Pick, key: &'static str, of: fn(Bytes) -> u64| {
        let quantity = move || format::data(of(bytes.get()), text.words());
        view! {
            <div class="tb-total">
                <dt><span class=key aria-hidden="true"></span>{text.of(label)}</dt>
                <dd>
                    <span class="tb-total__number">{move || quantity().number}</span>
                    " "
                    <span class="tb-total__unit">{move || quantity().unit}</span>
                </dd>
            </div>
        }
    };
    view! {
        <dl class="tb-totals">
            {total(|words| words.watch.from_viewers, "tb-key tb-key--peers", |bytes| bytes.from_peers)}
            {total(|words| words.watch.from_relay, "tb-key tb-key--origin", |bytes| bytes.from_origin)}
            {total(|words| words.watch.given, "tb-key tb-key--given", |bytes| bytes.given)}
        </dl>
        <svg class="tb-share" viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true">
            <rect class="tb-share__origin" width="1000" height="8"></rect>
            <rect class="tb-share__peers" width=per_mille height="8"></rect>
        </svg>
        <p class="tb-quiet">{move || share().unwrap_or_else(|| "\u{a0}".to_owned())}</p>
    }
}

/// The last minute as two stacked areas, with a sentence that says the same.
#[component]
pub fn Minute(#[prop(into)] history: Signal<Vec<TrafficSecond>>) -> impl IntoView {
    let text = Text::here();
    let chart = Memo::new(move |_| history.with(|history| Chart::of(history)));
    let rate = move |of: fn(&Chart) -> u64| format::rate(chart.with(of), text.words()).to_string();
    let sentence = move || {
        let (peers, origin) = (rate(|chart| chart.peers.mean_bps), rate(|chart| chart.origin.mean_bps));
        text.words().fill(text.words().watch.minute_text, &[("peers", &peers), ("origin", &origin)])
    };
    let band = move |class: &'static str, name: Pick, of: fn(&Chart) -> &Band| {
        let now = move || format::rate(chart.with(|chart| of(chart).now_bps), text.words()).to_string();
        let label_y = move |offset: i64| chart.with(|chart| of(chart).label_y) + offset;
        view! {
            <g class=class>
                <g transform="scale(0.1)">
                    <path class="tb-chart__area" d=move || chart.with(|chart| of(chart).area.clone())></path>
                    <path class="tb-chart__edge" d=move || chart.with(|chart| of(chart).edge.clone())></path>
                </g>
                <text x=chart::PLOT_WIDTH + 10 y=move || label_y(-3)>{text.of(name)}</text>
                <text class="tb-chart__rate" x=chart::PLOT_WIDTH + 10 y=move || label_y(13)>{now}</text>
            </g>
        }
    };
    let frame = format!("0 0 {} {}", chart::WIDTH, chart::HEIGHT);
    view! {
        <figure class="tb-chart">
            <figcaption>{text.of(|words| words.watch.minute)}</figcaption>
            <svg viewBox=frame role="img" aria-label=sentence>
                <line class="tb-chart__grid" x2=chart::PLOT_WIDTH y1=chart::PLOT_TOP y2=chart::PLOT_TOP></line>
                <text class="tb-chart__scale" y=chart::PLOT_TOP - 7>{move || rate(|chart| chart.top_bps)}</text>
                {band("tb-chart__origin", |words| words.watch.relay_short, |chart| &chart.origin)}
                {band("tb-chart__peers", |words| words.watch.viewers_short, |chart| &chart.peers)}
                <line class="tb-chart__axis" x2=chart::PLOT_WIDTH y1=chart::PLOT_BOTTOM y2=chart::PLOT_BOTTOM></line>
                <text class="tb-chart__scale" y=chart::PLOT_BOTTOM + 19>{text.of(|words| words.watch.minute_ago)}</text>
                <text class="tb-chart__scale" x=chart::PLOT_WIDTH y=chart::PLOT_BOTTOM + 19 text-anchor="end">
                    {text.of(|words| words.watch.now)}
                </text>
            </svg>
        </figure>
    }
}
