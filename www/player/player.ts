import type { Fragment } from "hls.js";

import { bufferGoalSeconds } from "./buffer-goal.js";
import { ConditionsWatch } from "./conditions.js";
import { describe } from "./errors.js";
import type { LoaderHost } from "./fragment-loader.js";
import { History } from "./history.js";
import { HttpRate } from "./http-rate.js";
import { Layout } from "./layout.js";
import type { NodeOptions } from "./node-api.js";
import { isModuleLoaded, NodeSession } from "./node-session.js";
import { type Engine, HlsEngine, NativeEngine } from "./playback-engine.js";
import { PlaybackWatch } from "./playback.js";
import { loadSettings, saveSettings } from "./settings.js";
import type {
  Level,
  PlayerError,
  PlayerOptions,
  Settings,
  SharingMode,
  Snapshot,
  StreamInfo,
  ThetabPlayer,
} from "./types.js";

const SNAPSHOT_EVERY_MS = 250;
const TICK_MS = 1000;
const MIB = 1024 * 1024;

/** Codes of the node that a person should read; the others are ordinary weather. */
const SHOWN_PROBLEMS = new Set(["record_invalid", "node_failed", "ticket_refused", "relay_refused"]);

// Asked for while this module is still being evaluated: the first frame waits for it.
const library = import("./hls.js");
library.catch(() => {}); // Reported by `createPlayer`.

/** Plays `options.stream` in `options.video`; the edge node joins once the first frame plays. */
export async function createPlayer(options: PlayerOptions): Promise<ThetabPlayer> {
  const player = new Player(options);
  await player.begin();
  return player;
}

class Player implements ThetabPlayer {
  readonly #options: PlayerOptions;
  readonly #layout: Layout;
  readonly #rate = new HttpRate();
  readonly #playback: PlaybackWatch;
  readonly #history = new History(Date.now());
  readonly #stop = new AbortController();
  readonly #node: NodeSession | null;
  readonly #conditions: ConditionsWatch | null;
  readonly #ticker: ReturnType<typeof setInterval>;
  #engine: Engine | null = null;
  #settings = loadSettings();
  /** Since when peers have been waited for. */
  #waitingSince = performance.now();
  #error: PlayerError | null = null;
  #plainBytes = 0;
  #fetched = { bytes: 0, ms: 0 };
  #pendingSnapshot: ReturnType<typeof setTimeout> | undefined;
  #lastSnapshotAt = -Infinity;

  constructor(options: PlayerOptions) {
    this.#options = options;
    const { video, stream } = options;
    const apiBase = new URL(options.apiBase ?? "/", location.href);
    const mediaBase = new URL(stream.media_base, apiBase).href;
    this.#layout = new Layout(mediaBase);
    this.#playback = new PlaybackWatch(video);
    this.#node = this.#makeNode(apiBase, mediaBase);
    this.#conditions =
      this.#node && new ConditionsWatch(video, (conditions) => this.#node?.setConditions(conditions));
    this.#node?.setSettings(this.#settings);
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    const { signal } = this.#stop;
    video.addEventListener("playing", () => this.#startNode(), { signal });
    video.addEventListener("seeking", () => this.#tellPlayhead(), { signal });
  }

  #makeNode(apiBase: URL, mediaBase: string): NodeSession | null {
    const { node, nodeUrl, stream } = this.#options;
    if (node === false || typeof WebAssembly === "undefined" || !canUseHls()) return null;
    const url = new URL(nodeUrl ?? "/node/thetab_browser.js", nodeUrl ? location.href : apiBase).href;
    const session = new NodeSession(
      url,
      nodeOptions(stream, apiBase.origin, mediaBase),
      () => this.#nodeChanged(),
      (code, message) => this.#problem(code, message),
    );
    if (isModuleLoaded(url)) void session.start();
    return session;
  }

  #startNode(): void {
    void this.#node?.start();
  }

  async begin(): Promise<void> {
    const { video, stream } = this.#options;
    const apiBase = new URL(this.#options.apiBase ?? "/", location.href);
    const playlist = new URL(stream.playlist, apiBase).href;
    const events = {
      error: (error: (PlayerError & { fatal: boolean }) | null) => this.#playbackError(error),
    };
    if (!canUseHls()) {
      this.#engine = new NativeEngine(video, playlist, events);
      return;
    }
    try {
      const { default: Hls } = await library;
      if (this.#stop.signal.aborted) return;
      this.#engine = new HlsEngine(Hls, video, { playlist, live: stream.live }, this.#loaderHost(), events);
      this.#setBufferGoal();
    } catch (error) {
      console.error("thetab: the player could not start.", error);
      events.error({ ...describe("network"), fatal: true });
    }
  }

  #loaderHost(): LoaderHost {
    return {
      layout: this.#layout,
      rate: this.#rate,
      node: this.#node,
      slackMs: (fragment) => this.#slackMs(fragment),
      plainLoaded: (bytes) => {
        this.#plainBytes += bytes;
      },
    };
  }

  /** Time until the playhead reaches `fragment`; none when nothing can be played now. */
  #slackMs(fragment: Fragment): number {
    const { video } = this.#options;
    if (fragment.sn === "initSegment" || video.seeking || !this.#playback.canPlay) return 0;
    const rate = Math.abs(video.playbackRate) || 1;
    return Math.max(0, ((fragment.start - video.currentTime) / rate) * 1000);
  }

  #setBufferGoal(): void {
    const waitedMs = performance.now() - this.#waitingSince;
    this.#engine?.setBufferGoal(bufferGoalSeconds(this.snapshot(), this.#options.stream.live, waitedMs));
  }

  #tick(): void {
    this.#tellPlayhead();
    this.#setBufferGoal();
    const node = this.#node?.snapshot;
    this.#history.tick(Date.now(), {
      peers: node?.peerBytes ?? 0,
      origin: this.#originBytes(),
      given: node?.givenBytes ?? 0,
    });
    this.#notify();
  }

  #tellPlayhead(): void {
    const playhead = this.#engine?.playhead();
    if (playhead) this.#node?.setPlayhead(playhead);
  }

  #originBytes(): number {
    return this.#plainBytes + (this.#node?.snapshot?.fetchedBytes ?? 0);
  }

  #nodeChanged(): void {
    const node = this.#node?.snapshot;
    if (node && node.fetchedBytes > this.#fetched.bytes) {
      this.#rate.add(node.fetchedBytes - this.#fetched.bytes, node.fetchedMs - this.#fetched.ms);
      this.#fetched = { bytes: node.fetchedBytes, ms: node.fetchedMs };
    }
    this.#setBufferGoal();
    this.#notify();
  }

  #problem(code: string, message: string): void {
    if (!SHOWN_PROBLEMS.has(code)) {
      console.info(`thetab: ${message} (${code})`);
      return;
    }
    this.#error = { code, message };
    this.#options.onError?.({ code, message, fatal: false });
    this.#notify();
  }

  #playbackError(error: (PlayerError & { fatal: boolean }) | null): void {
    this.#error = error && { code: error.code, message: error.message };
    if (error) this.#options.onError?.(error);
    this.#notify();
  }

  /** Gives the page a snapshot now, or as soon as the last one is old enough. */
  #notify(): void {
    const { onSnapshot } = this.#options;
    if (!onSnapshot || this.#pendingSnapshot !== undefined || this.#stop.signal.aborted) return;
    const wait = Math.max(0, this.#lastSnapshotAt + SNAPSHOT_EVERY_MS - performance.now());
    this.#pendingSnapshot = setTimeout(() => {
      this.#pendingSnapshot = undefined;
      this.#lastSnapshotAt = performance.now();
      onSnapshot(this.snapshot());
    }, wait);
  }

  setSharing(mode: SharingMode, uploadCapBps: number): void {
    this.#applySettings({ ...this.#settings, sharing: mode, uploadCapBps });
  }

  setMetered(metered: boolean): void {
    this.#applySettings({ ...this.#settings, metered });
  }

  #applySettings(settings: Settings): void {
    if (!hasYes(this.#settings) && hasYes(settings)) this.#waitingSince = performance.now();
    this.#settings = settings;
    saveSettings(settings);
    this.#node?.setSettings(settings);
    this.#notify();
  }

  levels(): Level[] {
    return this.#engine?.levels() ?? [];
  }

  setLevel(index: number): void {
    this.#engine?.setLevel(index);
  }

  seek(seconds: number): void {
    this.#options.video.currentTime = seconds;
  }

  snapshot(): Snapshot {
    const node = this.#node?.snapshot ?? null;
    return {
      node: this.#nodeState(),
      relay: this.#isNodeUp() ? (node?.relay ?? "off") : "off",
      error: this.#error,
      sharing: this.#sharing(),
      viewers: node?.viewers || this.#options.stream.viewers,
      peers: this.#isNodeUp() ? (node?.peers ?? 0) : 0,
      bytes: {
        fromPeers: node?.peerBytes ?? 0,
        fromOrigin: this.#originBytes(),
        given: node?.givenBytes ?? 0,
        rejected: node?.rejectedBytes ?? 0,
      },
      pieces: { verified: node?.verifiedPieces ?? 0, rejected: node?.rejectedPieces ?? 0 },
      bannedPeers: node?.bannedPeers ?? 0,
      history: this.#history.entries(),
      playback: this.#playback.snapshot(this.#options.stream.live),
      identity: node?.identity ?? null,
      lastVerifiedAt: node?.lastVerifiedAt ?? null,
    };
  }

  #isNodeUp(): boolean {
    return this.#node?.state === "running";
  }

  #nodeState(): Snapshot["node"] {
    switch (this.#node?.state) {
      case undefined:
      case "closed":
        return "off";
      case "idle":
      case "loading":
        return "loading";
      case "failed":
        return "failed";
      case "running":
        return this.#node?.snapshot?.relay === "connecting" ? "connecting" : "ready";
    }
  }

  #sharing(): Snapshot["sharing"] {
    const { sharing, uploadCapBps } = this.#settings;
    const node = this.#isNodeUp() ? this.#node?.snapshot : null;
    const answered = sharing === null ? "no-consent" : "off";
    return {
      chosen: sharing ?? "off",
      effective: node?.effective ?? "off",
      reason: node?.reason ?? answered,
      uploadCapBps,
    };
  }

  destroy(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    clearInterval(this.#ticker);
    clearTimeout(this.#pendingSnapshot);
    this.#conditions?.close();
    this.#playback.close();
    this.#engine?.destroy();
    this.#node?.close();
  }
}

function hasYes({ sharing }: Settings): boolean {
  return sharing === "share" || sharing === "download";
}

function canUseHls(): boolean {
  return typeof MediaSource !== "undefined" || "ManagedMediaSource" in globalThis;
}

/** A phone keeps less and links to fewer. */
function nodeOptions(stream: StreamInfo, apiBase: string, mediaBase: string): NodeOptions {
  const isPhone = matchMedia("(pointer: coarse)").matches && Math.min(screen.width, screen.height) < 700;
  return {
    presentation: stream.presentation,
    publisher: stream.publisher,
    name: stream.name,
    live: stream.live,
    mediaBase,
    apiBase,
    memoryLimitBytes: (isPhone ? 48 : 128) * MIB,
    prefetchHorizonMs: isPhone ? 15_000 : 30_000,
    wantedLinks: isPhone ? 4 : 8,
    maximumLinks: isPhone ? 8 : 16,
    account: isOwnPage(apiBase),
  };
}

/** Whether this page is the relay's own, and not framed by a stranger's. */
function isOwnPage(apiBase: string): boolean {
  if (location.origin !== apiBase) return false;
  try {
    return window.top?.location.origin === location.origin;
  } catch {
    return false;
  }
}
