//! The one line to the player, and through it to the edge node.

use leptos::prelude::*;
use serde::de::DeserializeOwned;
use thetab_web::state::snapshot::{Level, Mode, PlayerError, Snapshot};
use wasm_bindgen::prelude::*;
use web_sys::HtmlVideoElement;

#[wasm_bindgen(module = "/src/player.js")]
extern "C" {
    type PlayerModule;

    #[wasm_bindgen(catch, js_name = loadPlayer)]
    async fn load_player() -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = createPlayer)]
    async fn create_player(this: &PlayerModule, options: &PlayerOptions) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, js_name = loadSettings)]
    fn load_settings(this: &PlayerModule) -> JsValue;
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Object)]
    type PlayerOptions;

    #[wasm_bindgen(constructor, js_class = "Object")]
    fn new() -> PlayerOptions;
    #[wasm_bindgen(method, setter)]
    fn set_stream(this: &PlayerOptions, stream: &JsValue);
    #[wasm_bindgen(method, setter)]
    fn set_video(this: &PlayerOptions, video: &HtmlVideoElement);
    #[wasm_bindgen(method, setter, js_name = onSnapshot)]
    fn set_on_snapshot(this: &PlayerOptions, callback: &JsValue);
    #[wasm_bindgen(method, setter, js_name = onError)]
    fn set_on_error(this: &PlayerOptions, callback: &JsValue);

    type ThetabPlayer;

    #[wasm_bindgen(method, js_name = setSharing)]
    fn set_sharing(this: &ThetabPlayer, mode: &str, upload_cap_bps: f64);
    #[wasm_bindgen(method, js_name = setMetered)]
    fn set_metered(this: &ThetabPlayer, metered: bool);
    #[wasm_bindgen(method)]
    fn levels(this: &ThetabPlayer) -> JsValue;
    #[wasm_bindgen(method, js_name = setLevel)]
    fn set_level(this: &ThetabPlayer, index: i32);
    #[wasm_bindgen(method)]
    fn snapshot(this: &ThetabPlayer) -> JsValue;
    #[wasm_bindgen(method)]
    fn destroy(this: &ThetabPlayer);
}

/// A running player and what its callbacks hold on to.
struct Running {
    player: ThetabPlayer,
    _on_snapshot: Closure<dyn FnMut(JsValue)>,
    _on_error: Closure<dyn FnMut(JsValue)>,
}

/// An error of the player, and whether playback ended with it.
#[derive(serde::Deserialize)]
struct Failure {
    code: String,
    message: String,
    fatal: bool,
}

/// What the player remembers for this site and its snapshots do not say.
#[derive(serde::Deserialize)]
struct Settings {
    metered: bool,
}

/// A stream as the relay described it: what the player wants.
pub type Description = StoredValue<JsValue, LocalStorage>;

/// One stream being watched: signals that the page reads, and the controls that it turns.
#[derive(Clone, Copy)]
pub struct Session {
    running: StoredValue<Option<Running>, LocalStorage>,
    is_over: StoredValue<bool>,
    /// The latest snapshot; `None` until the player is there.
    pub snapshot: RwSignal<Option<Snapshot>>,
    /// The qualities on offer.
    pub levels: RwSignal<Vec<Level>>,
    /// What ended playback.
    pub ended_by: RwSignal<Option<PlayerError>>,
    /// Whether the visitor said that the connection costs by the byte.
    pub is_metered: RwSignal<bool>,
}

impl Session {
    /// A session without a player yet. It ends with the component that made it.
    pub fn new() -> Session {
        let session = Session {
            running: StoredValue::new_local(None),
            is_over: StoredValue::new(false),
            snapshot: RwSignal::new(None),
            levels: RwSignal::new(Vec::new()),
            ended_by: RwSignal::new(None),
            is_metered: RwSignal::new(false),
        };
        on_cleanup(move || session.end());
        session
    }

    /// Fetches the player and plays `stream` in `video`.
    pub async fn start(self, stream: Description, video: HtmlVideoElement) {
        match self.create(&stream.get_value(), &video).await {
            Ok(running) if self.is_over.try_get_value() == Some(false) => {
                self.running.set_value(Some(running));
                self.refresh();
            }
            Ok(running) => running.player.destroy(),
            Err(error) => {
                web_sys::console::error_2(&"thetab: the player could not be loaded.".into(), &error);
                let code = String::from("player_missing");
                self.ended_by.try_set(Some(PlayerError { code, message: String::new() }));
            }
        }
    }

    async fn create(self, stream: &JsValue, video: &HtmlVideoElement) -> Result<Running, JsValue> {
        let module: PlayerModule = load_player().await?.unchecked_into();
        if let Some(Settings { metered }) = read(module.load_settings()) {
            self.is_metered.try_set(metered);
        }
        let on_snapshot = Closure::<dyn FnMut(JsValue)>::new(move |value| self.show(value));
        let on_error = Closure::<dyn FnMut(JsValue)>::new(move |value| self.failed(value));
        let options = PlayerOptions::new();
        options.set_stream(stream);
        options.set_video(video);
        options.set_on_snapshot(on_snapshot.as_ref());
        options.set_on_error(on_error.as_ref());
        let player = module.create_player(&options).await?.unchecked_into();
        Ok(Running { player, _on_snapshot: on_snapshot, _on_error: on_error })
    }

    fn show(self, value: JsValue) {
        let Some(snapshot) = read::<Snapshot>(value) else { return };
        self.snapshot.try_set(Some(snapshot));
        let levels =
            self.with_player(|player| read::<Vec<Level>>(player.levels())).flatten().unwrap_or_default();
        if self.levels.try_with_untracked(|known| *known != levels) == Some(true) {
            self.levels.set(levels);
        }
    }

    fn failed(self, value: JsValue) {
        if let Some(Failure { code, message, fatal: true }) = read(value) {
            self.ended_by.try_set(Some(PlayerError { code, message }));
        }
    }

    /// Reads the latest snapshot; before the first one, an empty one.
    pub fn now<T>(self, of: impl FnOnce(&Snapshot) -> T) -> T {
        self.snapshot.with(|snapshot| match snapshot {
            Some(snapshot) => of(snapshot),
            None => of(&Snapshot::default()),
        })
    }

    fn refresh(self) {
        if let Some(value) = self.with_player(ThetabPlayer::snapshot) {
            self.show(value);
        }
    }

    /// Remembers the visitor's answer and acts on it.
    pub fn set_sharing(self, mode: Mode, upload_cap_bps: u64) {
        self.with_player(|player| player.set_sharing(mode.as_str(), upload_cap_bps as f64));
        self.refresh();
    }

    /// Says whether the connection costs by the byte.
    pub fn set_metered(self, metered: bool) {
        self.is_metered.set(metered);
        self.with_player(|player| player.set_metered(metered));
        self.refresh();
    }

    /// Holds one quality; `None` chooses by bandwidth.
    pub fn set_level(self, index: Option<usize>) {
        let index = index.and_then(|index| i32::try_from(index).ok()).unwrap_or(-1);
        self.with_player(|player| player.set_level(index));
    }

    fn with_player<T>(self, call: impl FnOnce(&ThetabPlayer) -> T) -> Option<T> {
        self.running.try_with_value(|running| running.as_ref().map(|running| call(&running.player))).flatten()
    }

    fn end(self) {
        self.is_over.set_value(true);
        self.with_player(ThetabPlayer::destroy);
        self.running.try_update_value(Option::take);
    }
}

/// Reads what the player says; what cannot be read is logged once a call and left out.
fn read<T: DeserializeOwned>(value: JsValue) -> Option<T> {
    serde_wasm_bindgen::from_value(value)
        .inspect_err(|error| web_sys::console::warn_1(&format!("thetab: {error}").into()))
        .ok()
}
