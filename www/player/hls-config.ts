import type { HlsConfig } from "hls.js";

import { fullBufferSeconds } from "./buffer-goal.js";

/** A minute: a jump back into what is being removed can leave hls.js 1.7.4 waiting for good, and most jumps back are short. */
const BEHIND_SECONDS = 60;

/** hls.js's settings for one stream. */
export function hlsConfig(live: boolean, fLoader: HlsConfig["fLoader"]): Partial<HlsConfig> {
  const ahead = fullBufferSeconds(live);
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
