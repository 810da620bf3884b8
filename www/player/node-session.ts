import type { Segment } from "./layout.js";
import type { EdgeNode, LoadedSegment, NodeModule, NodeOptions, NodeSnapshot } from "./node-api.js";
import type { Settings } from "./types.js";

/** What the page tells the node about itself. */
export interface Conditions {
  saveData: boolean;
  batteryLow: boolean;
  hidden: boolean;
  paused: boolean;
}

/** Where the player is. */
export interface Playhead {
  /** The video rendition first. */
  renditions: number[];
  sequence: number;
  lastSequence: number | null;
}

/** Segments fetched before the node is there wait for it up to this size. */
const WAITING_OFFERS_BYTES = 16 * 1024 * 1024;

/** A request is given up when its bytes stop for this long and playback would soon stall. */
const IDLE_LIMIT_MS = 1500;
const CHECK_EVERY_MS = 500;
/** And in any case this long after playback stalled. */
const LATEST_MS = 6000;

/** Why the node did not give a segment; the player then fetches it over plain HTTP. */
export class NodeUnavailable extends Error {}

/**
 * The node as the player sees it: perhaps not loaded yet, perhaps failed, never in the way.
 * Every call into the node is guarded: the first exception ends the node for this page.
 */
export class NodeSession {
  readonly #url: string;
  readonly #options: NodeOptions;
  readonly #changed: () => void;
  readonly #problem: (code: string, message: string) => void;
  readonly #open = new Map<number, (reason: NodeUnavailable) => void>();
  #state: "idle" | "loading" | "running" | "failed" | "closed" = "idle";
  #node: EdgeNode | null = null;
  #snapshot: NodeSnapshot | null = null;
  #settings: Settings | null = null;
  #conditions: Conditions | null = null;
  #playhead: Playhead | null = null;
  #waiting: { segment: Segment; data: Uint8Array }[] = [];
  #waitingBytes = 0;
  #nextRequest = 1;

  constructor(
    url: string,
    options: NodeOptions,
    changed: () => void,
    problem: (code: string, message: string) => void,
  ) {
    this.#url = url;
    this.#options = options;
    this.#changed = changed;
    this.#problem = problem;
  }

  get state(): "idle" | "loading" | "running" | "failed" | "closed" {
    return this.#state;
  }

  get snapshot(): NodeSnapshot | null {
    return this.#snapshot;
  }

  /** Fetches the node's module and starts the node; a second call does nothing. */
  async start(): Promise<void> {
    if (this.#state !== "idle") return;
    this.#state = "loading";
    this.#changed();
    try {
      const module = await loadModule(this.#url);
      if (this.#isClosed()) return;
      this.#run(new module.EdgeNode(this.#options));
    } catch (error) {
      this.#fail(error);
    }
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  #run(node: EdgeNode): void {
    this.#node = node;
    this.#state = "running";
    node.onSnapshot((snapshot) => {
      this.#snapshot = snapshot;
      this.#changed();
    });
    node.onProblem((code, message) => this.#problem(code, message));
    node.onFailure((message) => this.#fail(message));
    if (this.#settings) this.setSettings(this.#settings);
    if (this.#conditions) this.setConditions(this.#conditions);
    if (this.#playhead) this.setPlayhead(this.#playhead);
    const waiting = this.#waiting;
    this.#forgetWaiting();
    for (const { segment, data } of waiting) this.offer(segment, data);
    this.#changed();
  }

  /** Asks the node for a segment that playback needs in `slackMs`. */
  request(segment: Segment, slackMs: number): { loaded: Promise<LoadedSegment>; abandon: () => void } {
    const request = this.#nextRequest++;
    const loaded = new Promise<LoadedSegment>((resolve, reject) => {
      const node = this.#node;
      if (!node) {
        reject(new NodeUnavailable("the node is not running"));
        return;
      }
      this.#open.set(request, reject);
      const { rendition, kind, sequence } = segment;
      this.#guarded(() => node.load(request, rendition, kind, sequence, slackMs).then(resolve, reject));
      this.#watch(request, slackMs);
    }).finally(() => this.#open.delete(request));
    return { loaded, abandon: () => this.#abandon(request) };
  }

  #abandon(request: number): void {
    const reject = this.#open.get(request);
    if (!reject) return;
    this.#guarded(() => this.#node?.abandon(request));
    reject(new NodeUnavailable("no longer wanted"));
  }

  /** Gives a request up shortly before playback would stall, unless its bytes are arriving. */
  #watch(request: number, slackMs: number): void {
    const latest = performance.now() + slackMs + LATEST_MS;
    const check = () => {
      if (!this.#open.has(request)) return;
      const idle = this.#guarded(() => this.#node?.idleMs(request)) ?? Infinity;
      if (idle > IDLE_LIMIT_MS || performance.now() > latest) this.#abandon(request);
      else setTimeout(check, CHECK_EVERY_MS);
    };
    setTimeout(check, Math.max(slackMs - IDLE_LIMIT_MS, IDLE_LIMIT_MS));
  }

  /** Shows the node a segment that was fetched over plain HTTP; the node takes a copy. */
  offer(segment: Segment, data: Uint8Array): void {
    if (data.byteLength === 0) return;
    if (this.#node) {
      this.#guarded(() => this.#node?.offer(segment.rendition, segment.kind, segment.sequence, data));
    } else if (
      (this.#state === "idle" || this.#state === "loading") &&
      this.#waitingBytes + data.byteLength <= WAITING_OFFERS_BYTES
    ) {
      this.#waiting.push({ segment, data: data.slice() });
      this.#waitingBytes += data.byteLength;
    }
  }

  setSettings(settings: Settings): void {
    this.#settings = settings;
    const { sharing, uploadCapBps, metered } = settings;
    this.#guarded(() => this.#node?.setSettings(sharing, uploadCapBps, metered));
  }

  setConditions(conditions: Conditions): void {
    this.#conditions = conditions;
    const { saveData, batteryLow, hidden, paused } = conditions;
    this.#guarded(() => this.#node?.setConditions(saveData, batteryLow, hidden, paused));
  }

  setPlayhead(playhead: Playhead): void {
    this.#playhead = playhead;
    const { renditions, sequence, lastSequence } = playhead;
    this.#guarded(() =>
      this.#node?.playhead(Uint16Array.from(renditions), sequence, lastSequence ?? undefined),
    );
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#guarded(() => this.#node?.close());
    this.#state = "closed";
    this.#drop("closed");
  }

  #guarded<T>(call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #fail(error: unknown): void {
    if (this.#state === "failed" || this.#state === "closed") return;
    this.#state = "failed";
    console.warn("thetab: the node stopped; the video goes on over plain HTTP.", error);
    this.#drop("the node stopped");
    this.#problem(
      "node_failed",
      "The sharing part of this player stopped. The video goes on without it; reload the page to try again.",
    );
    this.#changed();
  }

  #drop(why: string): void {
    this.#node = null;
    this.#forgetWaiting();
    for (const reject of [...this.#open.values()]) reject(new NodeUnavailable(why));
    this.#open.clear();
  }

  #forgetWaiting(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

const modules = new Map<string, Promise<NodeModule>>();
const loadedModules = new Set<string>();

/** Whether the module is there already, so that starting the node delays nothing. */
export function isModuleLoaded(url: string): boolean {
  return loadedModules.has(url);
}

function loadModule(url: string): Promise<NodeModule> {
  let module = modules.get(url);
  if (!module) {
    module = (import(/* @vite-ignore */ url) as Promise<NodeModule>).then(async (loaded) => {
      await loaded.default();
      loadedModules.add(url);
      return loaded;
    });
    module.catch(() => modules.delete(url));
    modules.set(url, module);
  }
  return module;
}
