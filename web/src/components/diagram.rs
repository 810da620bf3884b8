//! How a stream travels, in one picture.

use leptos::prelude::*;

use crate::text::Text;

/// A relay, a first viewer, and two more who get their pieces from viewers.
#[component]
pub fn Diagram() -> impl IntoView {
    let text = Text::here();
    let tab = |x: u32, y: u32| {
        view! {
            <g class="tb-diagram__tab" transform=format!("translate({x} {y})")>
                <rect width="124" height="80" rx="8"></rect>
                <path d="M0 20h14v-5a4 4 0 0 1 4-4h30a4 4 0 0 1 4 4v5h72"></path>
                <path class="tb-diagram__play" d="M55 39v22l18-11z"></path>
            </g>
        }
    };
    let check = |x: u32, y: u32| {
        view! {
            <g class="tb-diagram__check" transform=format!("translate({x} {y})")>
                <circle r="9"></circle>
                <path d="M-4 0.4l2.8 2.8 5.4-5.8"></path>
            </g>
        }
    };
    let piece = |x: u32, y: u32| view! { <rect class="tb-diagram__piece" x=x y=y width="8" height="8" rx="1.5"></rect> };
    view! {
        <svg class="tb-diagram" viewBox="0 0 480 340" role="img" aria-label=text.of(|words| words.home.diagram)>
            <path class="tb-diagram__plain" d="M96 170h70"></path>
            <path class="tb-diagram__swarm" d="M228 124V60a8 8 0 0 1 8-8h104"></path>
            <path class="tb-diagram__swarm" d="M228 216v64a8 8 0 0 0 8 8h104"></path>
            <path class="tb-diagram__swarm" d="M402 98v144"></path>
            <g class="tb-diagram__relay">
                <rect x="12" y="138" width="84" height="28" rx="6"></rect>
                <rect x="12" y="174" width="84" height="28" rx="6"></rect>
                <circle cx="26" cy="152" r="2.5"></circle>
                <circle cx="26" cy="188" r="2.5"></circle>
            </g>
            {tab(166, 130)} {tab(340, 12)} {tab(340, 248)}
            {piece(224, 84)} {piece(262, 48)} {piece(292, 48)}
            {piece(224, 248)} {piece(262, 284)} {piece(292, 284)}
            {piece(398, 150)} {piece(398, 182)}
            {check(290, 130)} {check(464, 12)} {check(464, 248)}
            <text x="54" y="222" text-anchor="middle">{text.of(|words| words.home.diagram_relay)}</text>
            <text x="228" y="150" text-anchor="middle">""</text>
        </svg>
    }
}
