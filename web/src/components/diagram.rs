//! How a stream travels, in one picture.

use leptos::prelude::*;

use crate::text::Text;

/// A relay, a first viewer, and two more who get their pieces from viewers.
#[component]
pub fn Diagram() -> impl IntoView {
    let text = Text::here();
    view! {
        <svg class="tb-diagram" viewBox="0 0 520 366" role="img" aria-label=text.of(|words| words.home.diagram)>
            <g inner_html=PICTURE></g>
            <text x="46" y="222" text-anchor="middle">{text.of(|words| words.home.diagram_relay)}</text>
            <text x="216" y="236" text-anchor="middle">{text.of(|words| words.home.diagram_first)}</text>
            <text x="512" y="338" text-anchor="end">{text.of(|words| words.home.diagram_next)}</text>
            <text x="24" y="360">{text.of(|words| words.home.diagram_piece)}</text>
        </svg>
    }
}

const PICTURE: &str = include_str!("../../assets/diagram.svg");
