//! The end of every page: which relay this is, and what is kept about a visitor.

use leptos::{prelude::*, task::spawn_local};
use thetab_web::{format, state::stream::Relay};

use crate::{platform, text::Text};

/// Relay, licence, privacy.
#[component]
pub fn Footer() -> impl IntoView {
    let text = Text::here();
    let relay = RwSignal::new(None::<Relay>);
    spawn_local(async move {
        // A relay that does not answer is said where it matters, by the page itself.
        if let Ok((found, _)) = platform::fetch::<Relay>("/api/v1/relay").await {
            relay.try_set(Some(found));
        }
    });
    let identity = move || {
        relay.get().map(|Relay { version, peer_id }| {
            let short = format::short_hex(&peer_id);
            view! {
                <p>
                    {text.of(|words| words.common.this_relay)} ": thetab " {version} ", "
                    <code title=peer_id>{short}</code>
                </p>
            }
        })
    };
    view! {
        <footer class="tb-footer">
            <div class="tb-footer__row">
                <p>{text.of(|words| words.common.no_third_parties)}</p>
                {identity}
                <p>{text.of(|words| words.common.licence)}</p>
                <a class="tb-link" rel="external" href="/player/embedding.html">
                    {text.of(|words| words.common.embedding)}
                </a>
            </div>
        </footer>
    }
}
