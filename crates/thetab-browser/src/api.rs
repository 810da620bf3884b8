use std::{cell::RefCell, rc::Rc, time::Duration};

use js_sys::Promise;
use thetab_node::{Conditions, Input, Node, Settings, SharingMode};
use thetab_sansio::drive;
use thetab_swarm::RequestId;
use thetab_wire::{PIECE_SIZE_BYTES, SegmentId, record::MAX_PIECES};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::Window;

use crate::{
    account,
    clock::Clock,
    error::NodeError,
    failure,
    host::Host,
    inputs::{self, Event, Inputs},
    loads::Loads,
    options::{NodeOptions, Options},
    page::Page,
    task::Task,
};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A segment, every piece of it verified. */
export interface LoadedSegment {
  /** The caller's own copy. */
  data: ArrayBuffer;
  /** How much of it came from peers. */
  peerBytes: number;
  /** How much from the origin. */
  originBytes: number;
  /** Whether all of it was there when it was asked for. */
  wasStored: boolean;
}

/** What a call throws, and a load is rejected with. */
export interface NodeError extends Error {
  name: "NodeError";
  code:
    | "options_invalid"
    | "argument_invalid"
    | "no_window"
    | "plain_http"
    | "abandoned"
    | "closed"
    | "node_failed";
}
"#;

#[wasm_bindgen]
extern "C" {
    /// Hears of each snapshot.
    #[wasm_bindgen(typescript_type = "(snapshot: NodeSnapshot) => void")]
    #[derive(Clone, Debug)]
    pub type SnapshotCallback;

    /// Hears of what a person should know.
    #[wasm_bindgen(typescript_type = "(code: string, message: string) => void")]
    #[derive(Clone, Debug)]
    pub type ProblemCallback;

    /// Hears that the module has failed.
    #[wasm_bindgen(typescript_type = "(message: string) => void")]
    #[derive(Clone, Debug)]
    pub type FailureCallback;
}

const MAX_SLACK_MS: u64 = 60 * 60 * 1000;
const MAX_WHOLE: f64 = 9_007_199_254_740_991.0;

/// An edge node in this tab, for one presentation. It serves its player from the origin, and shares with
/// other viewers from the visitor's yes on.
#[wasm_bindgen]
#[derive(Debug)]
pub struct EdgeNode {
    clock: Clock,
    inputs: Inputs,
    loads: Loads,
    page: Rc<Page>,
    running: RefCell<Option<Running>>,
}

#[wasm_bindgen]
impl EdgeNode {
    /// Starts a node: alone and silent, until `setSettings` says otherwise.
    ///
    /// # Errors
    /// Throws a `NodeError`: `options_invalid`, `no_window`, or `node_failed` when the module has failed before.
    #[wasm_bindgen(constructor)]
    pub fn new(options: NodeOptions) -> Result<EdgeNode, JsValue> {
        if failure::is_dead() {
            return Err(failure::reason().into());
        }
        Ok(EdgeNode::start(&Options::read(options)?)?)
    }

    /// Asks for a segment without which playback stalls in `slackMs`. `request` is the caller's, unique while open.
    /// Rejected with a `NodeError`; `plain_http` means that the caller is to fetch the segment by itself.
    #[wasm_bindgen(unchecked_return_type = "Promise<LoadedSegment>")]
    pub fn load(
        &self,
        request: u32,
        rendition: u16,
        #[wasm_bindgen(unchecked_param_type = "\"init\" | \"media\"")] kind: &str,
        sequence: f64,
        #[wasm_bindgen(js_name = slackMs)] slack_ms: f64,
    ) -> Promise {
        self.begin(request, rendition, kind, sequence, slack_ms)
            .unwrap_or_else(|error| Promise::reject(&error.into()))
    }

    /// Gives a request up.
    pub fn abandon(&self, request: u32) {
        let request = RequestId(request.into());
        self.loads.refuse(request, NodeError::Abandoned);
        self.inputs.input(Input::Abandon { request });
    }

    /// For how many milliseconds no byte has come in for a request; zero when it is over.
    #[wasm_bindgen(js_name = idleMs)]
    pub fn idle_ms(&self, request: u32) -> f64 {
        self.loads.idle_ms(RequestId(request.into()))
    }

    /// Shows the node a segment that the player fetched by itself. The bytes are copied.
    ///
    /// # Errors
    /// Throws a `NodeError`: `argument_invalid`.
    pub fn offer(
        &self,
        rendition: u16,
        #[wasm_bindgen(unchecked_param_type = "\"init\" | \"media\"")] kind: &str,
        sequence: f64,
        data: Vec<u8>,
    ) -> Result<(), JsValue> {
        let segment = segment(rendition, kind, sequence)?;
        if data.len() <= MAX_PIECES * PIECE_SIZE_BYTES {
            self.inputs.input(Input::Offered { segment, payload: data.into() });
        }
        Ok(())
    }

    /// Says where the player is: which renditions it plays (the video one first), the media sequence under the
    /// playhead, and the last one that exists, where known.
    ///
    /// # Errors
    /// Throws a `NodeError`: `argument_invalid`.
    pub fn playhead(
        &self,
        renditions: Vec<u16>,
        sequence: f64,
        #[wasm_bindgen(js_name = lastSequence)] last_sequence: Option<f64>,
    ) -> Result<(), JsValue> {
        let sequence = whole(sequence)?;
        let last_sequence = last_sequence.map(whole).transpose()?;
        self.inputs.input(Input::Playhead { renditions, sequence, last_sequence });
        Ok(())
    }

    /// Takes the visitor's answers: what to share (nothing until answered), at most how many bits a second to
    /// give, and whether this connection costs by the byte.
    ///
    /// # Errors
    /// Throws a `NodeError`: `argument_invalid`.
    #[wasm_bindgen(js_name = setSettings)]
    pub fn set_settings(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SharingMode | null | undefined")] sharing: Option<String>,
        #[wasm_bindgen(js_name = uploadCapBps)] upload_cap_bps: f64,
        metered: bool,
    ) -> Result<(), JsValue> {
        let sharing = sharing.as_deref().map(mode).transpose()?;
        let upload_cap_bytes_per_second = (upload_cap_bps / 8.0) as u64;
        self.inputs.input(Input::Settings(Settings { sharing, upload_cap_bytes_per_second, metered }));
        Ok(())
    }

    /// Takes what the device and the page say of themselves.
    #[wasm_bindgen(js_name = setConditions)]
    pub fn set_conditions(
        &self,
        #[wasm_bindgen(js_name = saveData)] save_data: bool,
        #[wasm_bindgen(js_name = batteryLow)] battery_low: bool,
        hidden: bool,
        paused: bool,
    ) {
        self.inputs.input(Input::Conditions(Conditions { save_data, battery_low, hidden, paused }));
    }

    /// Sets who hears of snapshots, and shows the latest one.
    #[wasm_bindgen(js_name = onSnapshot)]
    pub fn on_snapshot(&self, callback: SnapshotCallback) {
        self.page.on_snapshot(callback.unchecked_into());
    }

    /// Sets who hears of problems: a stable code and a sentence. Playback goes on.
    #[wasm_bindgen(js_name = onProblem)]
    pub fn on_problem(&self, callback: ProblemCallback) {
        self.page.on_problem(callback.unchecked_into());
    }

    /// Sets who hears that the module has failed; at once when it has. Nothing more comes of it then: reload the page.
    #[wasm_bindgen(js_name = onFailure)]
    pub fn on_failure(&self, callback: FailureCallback) {
        self.page.on_failure(callback.unchecked_into());
    }

    /// Ends the node: open loads are rejected, every connection is closed, nothing more is told.
    pub fn close(&self) {
        self.page.fall_silent();
        self.loads.refuse_all(&NodeError::Closed);
        self.running.take();
    }
}

impl EdgeNode {
    fn start(options: &Options) -> Result<EdgeNode, NodeError> {
        let window = web_sys::window().ok_or(NodeError::NoWindow)?;
        let clock = Clock::new(window.performance().ok_or(NodeError::NoWindow)?);
        let mut node = Node::new(options.config()?);
        let (inputs, events) = inputs::queue(clock.clone());
        let (loads, page) = (Loads::new(clock.clone()), Rc::<Page>::default());
        let queue = (inputs.clone(), events);
        let mut host = Host::new(options, clock.clone(), queue, loads.clone(), page.clone());
        let running = Running {
            _node: Task::spawn(async move { drive(&mut node, &mut host).await }),
            _account: options.account.then(|| account::open(inputs.clone())),
            _leaving: Leaving::watch(window, inputs.clone()),
        };
        Ok(EdgeNode { clock, inputs, loads, page, running: RefCell::new(Some(running)) })
    }

    fn begin(
        &self,
        request: u32,
        rendition: u16,
        kind: &str,
        sequence: f64,
        slack_ms: f64,
    ) -> Result<Promise, NodeError> {
        if failure::is_dead() {
            return Err(failure::reason());
        }
        if self.running.borrow().is_none() {
            return Err(NodeError::Closed);
        }
        let (request, segment) = (RequestId(request.into()), segment(rendition, kind, sequence)?);
        // A slack beyond all measure, or none at all, becomes one that can be reckoned with.
        let slack = Duration::from_millis((slack_ms as u64).min(MAX_SLACK_MS));
        let promise =
            self.loads.begin(request, segment).ok_or(NodeError::Argument("this request is open already"))?;
        self.inputs.input(Input::Load { request, segment, deadline: self.clock.now() + slack });
        Ok(promise)
    }
}

/// What goes on until the node is closed.
#[derive(Debug)]
struct Running {
    _node: Task,
    _account: Option<Task>,
    _leaving: Leaving,
}

/// Notices that the page goes away.
#[derive(Debug)]
struct Leaving {
    window: Window,
    on_page_hide: Closure<dyn FnMut()>,
}

const PAGE_HIDE: &str = "pagehide";

impl Leaving {
    fn watch(window: Window, inputs: Inputs) -> Leaving {
        let on_page_hide = Closure::<dyn FnMut()>::new(move || inputs.send(Event::Leaving));
        // Refused nowhere; without it peers notice a little later.
        let _ = window.add_event_listener_with_callback(PAGE_HIDE, on_page_hide.as_ref().unchecked_ref());
        Leaving { window, on_page_hide }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let function = self.on_page_hide.as_ref().unchecked_ref();
        // What was never added is removed already.
        let _ = self.window.remove_event_listener_with_callback(PAGE_HIDE, function);
    }
}

fn segment(rendition: u16, kind: &str, sequence: f64) -> Result<SegmentId, NodeError> {
    match kind {
        "init" => Ok(SegmentId::init(rendition)),
        "media" => Ok(SegmentId::media(rendition, whole(sequence)?)),
        _ => Err(NodeError::Argument("a segment's kind is `init` or `media`")),
    }
}

fn mode(name: &str) -> Result<SharingMode, NodeError> {
    match name {
        "off" => Ok(SharingMode::Off),
        "download" => Ok(SharingMode::Download),
        "share" => Ok(SharingMode::Share),
        _ => Err(NodeError::Argument("sharing is `off`, `download` or `share`")),
    }
}

/// A sequence number, as far as JavaScript's numbers are whole.
fn whole(number: f64) -> Result<u64, NodeError> {
    if number.fract() == 0.0 && (0.0..=MAX_WHOLE).contains(&number) {
        Ok(number as u64)
    } else {
        Err(NodeError::Argument("a sequence is a whole number"))
    }
}
