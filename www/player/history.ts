import type { TrafficSecond } from "./types.js";

/** Running totals of traffic, in bytes. */
export interface Totals {
  peers: number;
  origin: number;
  given: number;
}

const SECONDS = 60;

/** Turns running totals into rates, one entry a second. */
export class History {
  readonly #seconds: TrafficSecond[] = [];
  #last: { t: number; totals: Totals };

  constructor(now: number) {
    this.#last = { t: now, totals: { peers: 0, origin: 0, given: 0 } };
  }

  /** Closes the second that ends at `now`, in milliseconds of Unix time. */
  tick(now: number, totals: Totals): void {
    const last = this.#last;
    const seconds = Math.max((now - last.t) / 1000, 0.001);
    const rate = (after: number, before: number) =>
      Math.max(0, Math.round(((after - before) * 8) / seconds));
    this.#seconds.push({
      t: now,
      peersBps: rate(totals.peers, last.totals.peers),
      originBps: rate(totals.origin, last.totals.origin),
      givenBps: rate(totals.given, last.totals.given),
    });
    if (this.#seconds.length > SECONDS) this.#seconds.shift();
    this.#last = { t: now, totals };
  }

  /** A copy, oldest first. */
  entries(): TrafficSecond[] {
    return this.#seconds.slice();
  }
}
