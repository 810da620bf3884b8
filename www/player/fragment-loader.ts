import type {
  FragmentLoaderContext,
  Fragment,
  HlsConfig,
  Loader,
  LoaderCallbacks,
  LoaderConfiguration,
  LoaderStats,
} from "hls.js";

import type { HttpRate } from "./http-rate.js";
import type { Layout, Segment } from "./layout.js";
import type { LoadedSegment } from "./node-api.js";
import type { NodeSession } from "./node-session.js";

/** What the loader needs of the player around it. */
export interface LoaderHost {
  layout: Layout;
  rate: HttpRate;
  /** `null` when this tab runs no node. */
  node: NodeSession | null;
  /** How long until playback would stall without `fragment`, in milliseconds. */
  slackMs(fragment: Fragment): number;
  /** Counts bytes that came over plain HTTP. */
  plainLoaded(bytes: number): void;
}

type Context = FragmentLoaderContext;
type Callbacks = LoaderCallbacks<Context>;

/** Makes the `fLoader` of hls.js: the node first, hls.js's own loader for everything else. */
export function fragmentLoader(host: LoaderHost): new (config: HlsConfig) => Loader<Context> {
  return class extends NodeLoader {
    constructor(config: HlsConfig) {
      super(config, host);
    }
  };
}

/**
 * Loads one fragment. Whatever goes wrong with the node, hls.js's own loader takes over, so that
 * errors, retries and timeouts are those of a plain player.
 */
class NodeLoader implements Loader<Context> {
  context: Context | null = null;
  readonly stats: LoaderStats;
  readonly #plain: Loader<Context>;
  readonly #host: LoaderHost;
  #callbacks: Callbacks | null = null;
  #abandon: (() => void) | null = null;
  #isPlain = false;
  #isOver = false;

  constructor(config: HlsConfig, host: LoaderHost) {
    this.#plain = new config.loader(config) as unknown as Loader<Context>;
    this.stats = this.#plain.stats;
    this.#host = host;
  }

  load(context: Context, config: LoaderConfiguration, callbacks: Callbacks): void {
    this.context = context;
    this.#callbacks = callbacks;
    const segment = context.rangeEnd ? null : this.#host.layout.segmentAt(context.url);
    const node = this.#host.node;
    if (!segment || node?.state !== "running") {
      this.#loadPlain(segment, context, config, callbacks);
      return;
    }
    const slackMs = this.#host.slackMs(context.frag);
    const started = performance.now();
    this.stats.loading.start = started;
    const { loaded, abandon } = node.request(segment, slackMs);
    this.#abandon = abandon;
    loaded.then(
      (delivery) => this.#deliver(delivery, { started, slackMs }, context, callbacks),
      () => this.#loadPlain(segment, context, config, callbacks),
    );
  }

  #loadPlain(
    segment: Segment | null,
    context: Context,
    config: LoaderConfiguration,
    callbacks: Callbacks,
  ): void {
    if (this.#isOver) return;
    this.#abandon = null;
    this.#isPlain = true;
    // The loader of hls.js insists on fresh statistics; the time lost with the node is not the origin's.
    this.stats.loading.start = 0;
    this.#plain.load(context, config, {
      ...callbacks,
      onSuccess: (response, stats, context, details) => {
        if (response.data instanceof ArrayBuffer) this.#notePlain(segment, response.data, stats);
        callbacks.onSuccess(response, stats, context, details);
      },
    });
  }

  #notePlain(segment: Segment | null, data: ArrayBuffer, stats: LoaderStats): void {
    const { start, first, end } = stats.loading;
    this.#host.rate.add(data.byteLength, end - first, first - start);
    this.#host.plainLoaded(data.byteLength);
    if (segment) this.#host.node?.offer(segment, new Uint8Array(data));
  }

  #deliver(
    delivery: LoadedSegment,
    asked: { started: number; slackMs: number },
    context: Context,
    callbacks: Callbacks,
  ): void {
    if (this.#isOver) return;
    this.#abandon = null;
    this.#isOver = true;
    const size = delivery.data.byteLength;
    setTiming(this.stats, this.#host.rate, size, asked);
    const response = { url: context.url, data: delivery.data, code: 200 };
    callbacks.onProgress?.(this.stats, context, delivery.data, null);
    callbacks.onSuccess(response, this.stats, context, null);
  }

  abort(): void {
    if (this.#isPlain) {
      this.#plain.abort();
      return;
    }
    const callbacks = this.#callbacks;
    const context = this.context;
    this.#stop();
    if (callbacks?.onAbort && context) callbacks.onAbort(this.stats, context, null);
  }

  destroy(): void {
    this.#stop();
    this.#callbacks = null;
    this.context = null;
    this.#plain.destroy();
  }

  #stop(): void {
    if (!this.#isOver && !this.#isPlain) this.stats.aborted = true;
    this.#isOver = true;
    this.#abandon?.();
    this.#abandon = null;
  }

  getCacheAge(): number | null {
    return this.#isPlain ? (this.#plain.getCacheAge?.() ?? null) : null;
  }

  getResponseHeader(name: string): string | null {
    return this.#isPlain ? (this.#plain.getResponseHeader?.(name) ?? null) : null;
  }
}

/**
 * Writes the transfer into the statistics from which hls.js chooses the quality. A segment that was
 * there in time counts as if plain HTTP had carried it: a cache or a fast peer must not raise the
 * estimate above what the origin sustains, and waiting on purpose must not lower it. A late one
 * counts as slow as it was.
 */
function setTiming(
  stats: LoaderStats,
  rate: HttpRate,
  sizeBytes: number,
  asked: { started: number; slackMs: number },
): void {
  const end = performance.now();
  const elapsed = Math.max(end - asked.started, 1);
  const byHttp = rate.bitsPerSecond;
  const transfer = byHttp === null ? elapsed : (sizeBytes * 8000) / byHttp;
  const isLate = elapsed > Math.max(asked.slackMs, transfer);
  const spent = isLate ? elapsed : transfer;
  const firstByte = isLate ? 0 : rate.firstByteMs;
  stats.loaded = sizeBytes;
  stats.total = sizeBytes;
  stats.loading.end = end;
  stats.loading.start = end - spent - firstByte;
  stats.loading.first = stats.loading.start + firstByte;
}
