import type Hls from "hls.js";
import type { ErrorData, Fragment, Level as HlsLevel } from "hls.js";

import { classify, describe, type ErrorCode } from "./errors.js";
import { fragmentLoader, type LoaderHost } from "./fragment-loader.js";
import { hlsConfig } from "./hls-config.js";
import type { Layout } from "./layout.js";
import type { Playhead } from "./node-session.js";
import type { Level, PlayerError } from "./types.js";

/** What an engine tells the player. */
export interface EngineEvents {
  /** An error began; `null` when it is over. */
  error(error: (PlayerError & { fatal: boolean }) | null): void;
}

/** Plays one stream in one video element. */
export interface Engine {
  levels(): Level[];
  setLevel(index: number): void;
  /** How far ahead of the playhead to load. */
  setBufferGoal(seconds: number): void;
  playhead(): Playhead | null;
  destroy(): void;
}

const RETRY_MS = 3000;
/** hls.js tries again for a minute and more; a person whose video still plays hears of it after this many failures. */
const FAILURES_TOLD = 3;
const MEDIA_RECOVERIES = 2;
const MEDIA_RECOVERY_WINDOW_MS = 10_000;

/** Playback by hls.js. */
export class HlsEngine implements Engine {
  readonly #hls: Hls;
  readonly #video: HTMLVideoElement;
  readonly #layout: Layout;
  readonly #playlist: string;
  readonly #events: EngineEvents;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #recoveries: number[] = [];
  #failuresInARow = 0;
  #isInError = false;

  constructor(
    Library: typeof Hls,
    video: HTMLVideoElement,
    stream: { playlist: string; live: boolean },
    host: LoaderHost,
    events: EngineEvents,
  ) {
    this.#video = video;
    this.#layout = host.layout;
    this.#playlist = stream.playlist;
    this.#events = events;
    this.#hls = new Library(hlsConfig(stream.live, fragmentLoader(host)));
    this.#hls.on(Library.Events.ERROR, (_event, data) => this.#failed(data));
    this.#hls.on(Library.Events.FRAG_BUFFERED, () => this.#recovered());
    this.#hls.loadSource(this.#playlist);
    this.#hls.attachMedia(video);
  }

  #failed(data: ErrorData): void {
    if (!data.fatal) {
      this.#failedOnce(data);
      return;
    }
    const code = classify(data);
    if (code === "network") this.#retryLater();
    else if (code === "media_error" && this.#mayRecover()) this.#hls.recoverMediaError();
    else this.#end(code);
  }

  /** hls.js goes on trying; while the browser is offline, it waits instead. */
  #failedOnce({ type, details }: ErrorData): void {
    if (type === "networkError") this.#failuresInARow += 1;
    const isStalled =
      details === "bufferStalledError" || this.#video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    if (this.#isInError || this.#failuresInARow < (isStalled ? 1 : FAILURES_TOLD)) return;
    this.#report("network", false);
  }

  #retryLater(): void {
    this.#report("network", false);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.#hls.levels.length > 0) this.#hls.startLoad();
      else this.#hls.loadSource(this.#playlist);
    }, RETRY_MS);
  }

  #mayRecover(): boolean {
    const now = performance.now();
    this.#recoveries = this.#recoveries.filter((at) => now - at < MEDIA_RECOVERY_WINDOW_MS);
    this.#recoveries.push(now);
    return this.#recoveries.length <= MEDIA_RECOVERIES;
  }

  #end(code: ErrorCode): void {
    this.#hls.stopLoad();
    this.#report(code, true);
  }

  #report(code: ErrorCode, fatal: boolean): void {
    this.#isInError = true;
    this.#events.error({ ...describe(code), fatal });
  }

  #recovered(): void {
    this.#failuresInARow = 0;
    if (!this.#isInError) return;
    this.#isInError = false;
    this.#events.error(null);
  }

  levels(): Level[] {
    return this.#hls.levels.map(({ height, bitrate }) => ({ height, bitrate }));
  }

  setLevel(index: number): void {
    this.#hls.nextLevel = Math.max(-1, Math.min(index, this.#hls.levels.length - 1));
  }

  setBufferGoal(seconds: number): void {
    this.#hls.config.maxBufferLength = seconds;
    this.#hls.config.maxMaxBufferLength = seconds;
  }

  playhead(): Playhead | null {
    const level = this.#hls.levels[this.#hls.loadLevel];
    const video = this.#renditionOf(level);
    if (video === null || !level?.details) return null;
    const audio = this.#layout.renditionAt(this.#hls.audioTracks[this.#hls.audioTrack]?.url);
    const fragment = fragmentAt(level.details.fragments, this.#video.currentTime);
    if (!fragment || typeof fragment.sn !== "number") return null;
    return {
      renditions: audio === null || audio === video ? [video] : [video, audio],
      sequence: fragment.sn,
      lastSequence: level.details.endSN,
    };
  }

  #renditionOf(level: HlsLevel | undefined): number | null {
    return this.#layout.renditionAt(level?.details?.url ?? level?.uri);
  }

  destroy(): void {
    clearTimeout(this.#retry);
    this.#hls.destroy();
  }
}

function fragmentAt(fragments: Fragment[], seconds: number): Fragment | undefined {
  return fragments.find((fragment) => fragment.start + fragment.duration > seconds) ?? fragments.at(-1);
}

/** Playback by the browser itself, where Media Source Extensions are missing: plain, without a node. */
export class NativeEngine implements Engine {
  readonly #video: HTMLVideoElement;
  readonly #stop = new AbortController();

  constructor(video: HTMLVideoElement, playlist: string, events: EngineEvents) {
    this.#video = video;
    const { signal } = this.#stop;
    video.addEventListener("error", () => events.error({ ...this.#reason(), fatal: true }), { signal });
    video.src = playlist;
  }

  #reason(): PlayerError {
    switch (this.#video.error?.code) {
      case MediaError.MEDIA_ERR_NETWORK:
        return describe("network");
      case MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED:
        return describe("codec_unsupported");
      default:
        return describe("media_error");
    }
  }

  levels(): Level[] {
    return [];
  }

  setLevel(): void {}

  setBufferGoal(): void {}

  playhead(): null {
    return null;
  }

  destroy(): void {
    this.#stop.abort();
    this.#video.removeAttribute("src");
    this.#video.load();
  }
}
