import type { Snapshot } from "./types.js";

/** Seconds of video kept ahead: long enough for peers to deliver, short enough not to fetch what nobody watches. */
const AHEAD_SECONDS = 30;
const LIVE_AHEAD_SECONDS = 20;

/** Kept ahead while peers are being found: what is fetched by then comes from the origin. */
const AHEAD_WITHOUT_PEERS_SECONDS = 10;

/** Peers that are not there by then are not waited for. */
const PATIENCE_MS = 10_000;

/** How far ahead a stream is buffered when nothing is waited for. */
export function fullBufferSeconds(live: boolean): number {
  return live ? LIVE_AHEAD_SECONDS : AHEAD_SECONDS;
}

/** How far ahead to buffer now, `sinceStartMs` after the player was made. */
export function bufferGoalSeconds(
  { node, sharing, peers, viewers }: Pick<Snapshot, "node" | "sharing" | "peers" | "viewers">,
  live: boolean,
  sinceStartMs: number,
): number {
  const hasYes = sharing.chosen !== "off" && node !== "off" && node !== "failed";
  const isAlone = sharing.reason === "few-viewers" || (node === "ready" && viewers === 1);
  const isWaiting = hasYes && peers === 0 && !isAlone && sinceStartMs < PATIENCE_MS;
  return isWaiting ? AHEAD_WITHOUT_PEERS_SECONDS : fullBufferSeconds(live);
}
