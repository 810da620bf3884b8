//! What a page can do with a node.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use js_sys::{Function, Promise};
use thetab_node::{Conditions, Input, Node, Settings, SharingMode};
use thetab_sansio::{Instant, drive};
use thetab_swarm::RequestId;
use thetab_wire::SegmentId;
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};

use crate::{
    account,
    clock::{self, Clock},
    error::NodeError,
    failure::{self, LastWill},
    host::{Host, Listeners, Shared},
    http::Http,
    inputs,
    loads::Loads,
    options::{NodeOptions, Options},
};

#[wasm_bindgen]
extern "C" {
    /// A segment, sooner or later.
    #[wasm_bindgen(typescript_type = "Promise<LoadedSegment>")]
    pub type SegmentPromise;
    /// Hears of each change, at most four times a second.
    #[wasm_bindgen(typescript_type = "(snapshot: NodeSnapshot) => void")]
    pub type SnapshotListener;
    /// Hears of things that a person should know; playback goes on.
    #[wasm_bindgen(typescript_type = "(code: string, message: string) => void")]
    pub type ProblemListener;
    /// Hears once that the module stopped for good.
    #[wasm_bindgen(typescript_type = "(message: string) => void")]
    pub type FailureListener;
}

/// One stream's edge node in this tab. Alone and silent until `setSettings` brings a yes.
#[wasm_bindgen]
#[derive(Debug)]
pub struct EdgeNode {
    shared: Rc<Shared>,
}

#[wasm_bindgen]
impl EdgeNode {
    /// Starts a node.
    ///
    /// # Errors
    /// Throws an `Error` with `code` `options_invalid`, `no_window` or `node_failed`.
    #[wasm_bindgen(constructor)]
    pub fn new(options: NodeOptions) -> Result<EdgeNode, JsValue> {
        alive()?;
        let options = Rc::new(Options::read(options)?);
        let window = web_sys::window().ok_or(NodeError::NoWindow)?;
        let clock = Clock::new(window.performance().ok_or(NodeError::NoWindow)?);
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).or(Err(NodeError::NoWindow))?;
        let mut node = Node::new(options.node(entropy, (clock::unix_ms() / 1000.0) as u64)?);
        let (inputs, queue) = inputs::queue();
        let shared = Rc::new(Shared {
            inputs,
            loads: Loads::default(),
            clock: clock.clone(),
            listeners: RefCell::new(Listeners::default()),
            last_arrival_ms: Cell::new(0.0),
            identity: RefCell::new(None),
            shown: RefCell::new(None),
        });
        if options.account {
            account::open(shared.clone());
        }
        let mut host = Host::new(shared.clone(), queue, Http::new(window, options, clock));
        wasm_bindgen_futures::spawn_local(async move { drive(&mut node, &mut host).await });
        Ok(EdgeNode { shared })
    }

    /// A segment that playback needs within `slackMs`. `request` is a number of the page's choice, used once.
    ///
    /// # Errors
    /// Rejects with an `Error` whose `code` is `plain_http` when the page is to fetch the segment itself, else
    /// `abandoned`, `closed` or `node_failed`; throws `argument_invalid`.
    pub fn load(
        &self,
        request: f64,
        rendition: u16,
        #[wasm_bindgen(unchecked_param_type = "\"init\" | \"media\"")] kind: &str,
        sequence: f64,
        #[wasm_bindgen(js_name = slackMs)] slack_ms: f64,
    ) -> Result<SegmentPromise, JsValue> {
        alive()?;
        let segment = segment(rendition, kind, sequence)?;
        let request = RequestId(whole(request)?);
        let promise: Promise = self.shared.loads.begin(request, self.shared.clock.now_ms());
        let slack = Duration::from_secs_f64(slack_ms.clamp(0.0, 3_600_000.0) / 1000.0);
        let deadline: Instant = self.shared.clock.now() + slack;
        self.shared.inputs.send(Input::Load { request, segment, deadline });
        Ok(promise.unchecked_into())
    }

    /// Gives a request up; its promise rejects with `abandoned`.
    pub fn abandon(&self, request: f64) -> Result<(), JsValue> {
        alive()?;
        let request = RequestId(whole(request)?);
        self.shared.loads.reject(request, NodeError::Abandoned);
        self.shared.inputs.send(Input::Abandon { request });
        Ok(())
    }

    /// For how long nothing has arrived for a request, in milliseconds; infinite when it is not open.
    #[wasm_bindgen(js_name = idleMs)]
    pub fn idle_ms(&self, request: f64) -> Result<f64, JsValue> {
        alive()?;
        let since = self.shared.loads.since_ms(RequestId(whole(request)?));
        Ok(since.map_or(f64::INFINITY, |since| {
            (self.shared.clock.now_ms() - since.max(self.shared.last_arrival_ms.get())).max(0.0)
        }))
    }

    /// Shows the node a segment that the page fetched itself. The bytes are copied.
    pub fn offer(
        &self,
        rendition: u16,
        #[wasm_bindgen(unchecked_param_type = "\"init\" | \"media\"")] kind: &str,
        sequence: f64,
        data: Vec<u8>,
    ) -> Result<(), JsValue> {
        alive()?;
        let segment = segment(rendition, kind, sequence)?;
        self.shared.inputs.send(Input::Offered { segment, payload: data.into() });
        Ok(())
    }

    /// Where the player is: the renditions it plays (video first), the media sequence under the playhead, and the
    /// last one that exists.
    pub fn playhead(
        &self,
        renditions: Vec<u16>,
        sequence: f64,
        #[wasm_bindgen(js_name = lastSequence)] last_sequence: Option<f64>,
    ) -> Result<(), JsValue> {
        alive()?;
        let (sequence, last_sequence) = (whole(sequence)?, last_sequence.map(whole).transpose()?);
        self.shared.inputs.send(Input::Playhead { renditions, sequence, last_sequence });
        Ok(())
    }

    /// The visitor's answers. `sharing` is `null` until there is one; nothing counts as a yes but a yes.
    #[wasm_bindgen(js_name = setSettings)]
    pub fn set_settings(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SharingMode | null | undefined")] sharing: Option<String>,
        #[wasm_bindgen(js_name = uploadCapBps)] upload_cap_bps: f64,
        metered: bool,
    ) -> Result<(), JsValue> {
        alive()?;
        let sharing = sharing.as_deref().map(mode).transpose()?;
        let upload_cap_bytes_per_second = (upload_cap_bps.max(0.0) / 8.0) as u64;
        self.shared.inputs.send(Input::Settings(Settings { sharing, upload_cap_bytes_per_second, metered }));
        Ok(())
    }

    /// What the device and the page say about themselves.
    #[wasm_bindgen(js_name = setConditions)]
    pub fn set_conditions(
        &self,
        #[wasm_bindgen(js_name = saveData)] save_data: bool,
        #[wasm_bindgen(js_name = batteryLow)] battery_low: bool,
        hidden: bool,
        paused: bool,
    ) -> Result<(), JsValue> {
        alive()?;
        self.shared.inputs.send(Input::Conditions(Conditions { save_data, battery_low, hidden, paused }));
        Ok(())
    }

    /// Calls `listener` with each change.
    #[wasm_bindgen(js_name = onSnapshot)]
    pub fn on_snapshot(&self, listener: SnapshotListener) {
        self.shared.listeners.borrow_mut().snapshot = Some(listener.unchecked_into::<Function>());
        self.shared.show();
    }

    /// Calls `listener` with each problem.
    #[wasm_bindgen(js_name = onProblem)]
    pub fn on_problem(&self, listener: ProblemListener) {
        self.shared.listeners.borrow_mut().problem = Some(listener.unchecked_into::<Function>());
    }

    /// Calls `listener` once should the module stop for good.
    #[wasm_bindgen(js_name = onFailure)]
    pub fn on_failure(&self, listener: FailureListener) {
        let will = LastWill::tell(listener.unchecked_into::<Function>());
        self.shared.listeners.borrow_mut().failure = Some(will);
    }

    /// Ends the node: every connection closes, every promise rejects with `closed`, no listener is called again.
    pub fn close(&self) {
        *self.shared.listeners.borrow_mut() = Listeners::default();
        self.shared.inputs.close();
    }
}

impl Drop for EdgeNode {
    fn drop(&mut self) {
        self.shared.inputs.close();
    }
}

fn alive() -> Result<(), NodeError> {
    if failure::is_dead() { Err(failure::reason()) } else { Ok(()) }
}

fn segment(rendition: u16, kind: &str, sequence: f64) -> Result<SegmentId, NodeError> {
    match kind {
        "init" => Ok(SegmentId::init(rendition)),
        "media" => Ok(SegmentId::media(rendition, whole(sequence)?)),
        _ => Err(NodeError::Argument("`kind` is `init` or `media`")),
    }
}

fn mode(word: &str) -> Result<SharingMode, NodeError> {
    match word {
        "off" => Ok(SharingMode::Off),
        "download" => Ok(SharingMode::Download),
        "share" => Ok(SharingMode::Share),
        _ => Err(NodeError::Argument("`sharing` is `off`, `download`, `share` or null")),
    }
}

/// A number that counts something. JavaScript's are exact up to 2⁵³.
fn whole(number: f64) -> Result<u64, NodeError> {
    let is_whole = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
    if is_whole {
        Ok(number as u64)
    } else {
        Err(NodeError::Argument("a whole number from 0 on is expected"))
    }
}
