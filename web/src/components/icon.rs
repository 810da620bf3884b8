//! Icons of the Lucide set, inlined from its package. Always beside a text or inside something that has a name.

use leptos::prelude::*;

macro_rules! lucide {
    ($name:literal) => {
        include_str!(concat!("../../../node_modules/lucide-static/icons/", $name, ".svg"))
    };
}

/// Onwards.
pub const ARROW_RIGHT: &str = lucide!("arrow-right");
/// Something to open.
pub const CHEVRON_DOWN: &str = lucide!("chevron-down");
/// Copying.
pub const COPY: &str = lucide!("copy");
/// Done.
pub const CHECK: &str = lucide!("check");
/// Playing.
pub const PLAY: &str = lucide!("play");
/// Languages.
pub const LANGUAGES: &str = lucide!("languages");
/// The light theme.
pub const SUN: &str = lucide!("sun");
/// The dark theme.
pub const MOON: &str = lucide!("moon");
/// The system's theme.
pub const SUN_MOON: &str = lucide!("sun-moon");
/// Silence.
pub const VOLUME_OFF: &str = lucide!("volume-off");
/// Something went wrong.
pub const ALERT: &str = lucide!("triangle-alert");
/// Once more.
pub const RETRY: &str = lucide!("rotate-cw");

/// One icon.
#[component]
pub fn Icon(#[prop(into)] svg: Signal<&'static str>) -> impl IntoView {
    view! { <span class="tb-icon" aria-hidden="true" inner_html=move || svg.get()></span> }
}
