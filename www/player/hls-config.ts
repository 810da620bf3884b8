import type { HlsConfig } from "hls.js";

/** Seconds of video kept ahead: long enough for peers to deliver, short enough not to fetch what nobody watches. */
const AHEAD_SECONDS = 30;
const LIVE_AHEAD_SECONDS = 20;
const BEHIND_SECONDS = 30;

/** hls.js's settings for one stream. */
export function hlsConfig(live: boolean, fLoader: HlsConfig["fLoader"]): Partial<HlsConfig> {
  const ahead = live ? LIVE_AHEAD_SECONDS : AHEAD_SECONDS;
  return {
    enableWorker: true,
    workerPath: workerPath(),
    lowLatencyMode: false,
    maxBufferLength: ahead,
    maxMaxBufferLength: ahead,
    backBufferLength: BEHIND_SECONDS,
    liveDurationInfinity: true,
    fLoader,
    fragLoadPolicy: {
      default: {
        maxTimeToFirstByteMs: 10_000,
        maxLoadTimeMs: 60_000,
        timeoutRetry: { maxNumRetry: 4, retryDelayMs: 0, maxRetryDelayMs: 0 },
        errorRetry: { maxNumRetry: 30, retryDelayMs: 500, maxRetryDelayMs: 3000 },
      },
    },
  };
}

/** The worker of hls.js lies beside this module; on a stranger's origin a small script fetches it. */
function workerPath(): string {
  const url = new URL("./hls.worker.js", import.meta.url);
  if (url.origin === location.origin) return url.href;
  const script = `importScripts(${JSON.stringify(url.href)});`;
  return URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
}
