import type { PlayerError } from "./types.js";

/** Every code that a page can meet, with a sentence that says what happened and what still works. */
const MESSAGES = {
  stream_not_found: "This stream does not exist here. Check the address, or go back to the list of streams.",
  network: "The stream's server does not answer. What is buffered plays on; trying again by itself.",
  record_invalid:
    "The publisher's signature on this stream does not check out, so nothing is shared. The video comes from the server alone.",
  codec_unsupported: "This browser cannot play the video's format. Another browser may.",
  media_error: "The video could not be decoded. Reload the page to try again.",
} as const;

export type ErrorCode = keyof typeof MESSAGES;

export function describe(code: ErrorCode): PlayerError {
  return { code, message: MESSAGES[code] };
}

/** The parts of an hls.js error that decide. */
export interface HlsProblem {
  type: string;
  details: string;
  fatal: boolean;
  response?: { code?: number };
}

const CODEC_DETAILS = new Set([
  "manifestIncompatibleCodecsError",
  "bufferIncompatibleCodecsError",
  "bufferAddCodecError",
]);
const PLAYLIST_DETAILS = new Set(["manifestLoadError", "levelLoadError", "levelEmptyError"]);

/** Which of our codes an error of hls.js is. */
export function classify(problem: HlsProblem): ErrorCode {
  const status = problem.response?.code;
  if (CODEC_DETAILS.has(problem.details)) return "codec_unsupported";
  if (PLAYLIST_DETAILS.has(problem.details) && (status === 404 || status === 410)) return "stream_not_found";
  return problem.type === "networkError" ? "network" : "media_error";
}
