import type { Snapshot } from "./types.js";

/** Seconds of video kept ahead: long enough for peers to deliver, short enough not to fetch what nobody watches. */
const AHEAD_SECONDS = 30;
const LIVE_AHEAD_SECONDS = 20;

/** Kept ahead in the player while the node keeps more, its own and its peers' ahead of all of them. */
const AHEAD_WITH_PEERS_SECONDS = 20;

/** Kept ahead while peers are being found: what is fetched by then comes from the origin. */
const AHEAD_WITHOUT_PEERS_SECONDS = 10;

/** Peers that are not there by then are not waited for. */
const PATIENCE_MS = 10_000;

/** How far ahead a stream is buffered when nothing is waited for. */
export function fullBufferSeconds(live: boolean): number {
  return live ? LIVE_AHEAD_SECONDS : AHEAD_SECONDS;
}

/** How far ahead to buffer now, `waitedMs` after the player was made or the visitor said yes. */
export function bufferGoalSeconds(
  { node, sharing, peers, viewers }: Pick<Snapshot, "node" | "sharing" | "peers" | "viewers">,
  live: boolean,
  waitedMs: number,
): number {
  const isUnanswered = sharing.reason === "no-consent";
  const mayShare = (sharing.chosen !== "off" || isUnanswered) && node !== "off" && node !== "failed";
  // Who has joined counts as a viewer too; who has not answered has not joined.
  const isAlone =
    sharing.reason === "few-viewers" || (isUnanswered ? viewers === 0 : node === "ready" && viewers === 1);
  const isWaiting = mayShare && peers === 0 && !isAlone && waitedMs < PATIENCE_MS;
  if (isWaiting) return AHEAD_WITHOUT_PEERS_SECONDS;
  return peers > 0 ? AHEAD_WITH_PEERS_SECONDS : fullBufferSeconds(live);
}
