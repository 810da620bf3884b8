const SAMPLES = 8;
const SMALLEST_SAMPLE_BYTES = 16 * 1024;

/**
 * What plain HTTP sustains, from the latest transfers. The player's choice of quality follows this
 * number and never the speed of a cache or of peers: those may leave, the origin must then do.
 */
export class HttpRate {
  readonly #samples: { bytes: number; ms: number }[] = [];
  #firstByteMs = 0;

  /** One transfer; tiny ones say more about latency than about rate and are left out. */
  add(bytes: number, ms: number, firstByteMs?: number): void {
    if (firstByteMs !== undefined && firstByteMs >= 0) this.#firstByteMs = firstByteMs;
    if (bytes < SMALLEST_SAMPLE_BYTES || !(ms > 0)) return;
    this.#samples.push({ bytes, ms });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  /** Time to the first byte of the latest transfer, in milliseconds. */
  get firstByteMs(): number {
    return this.#firstByteMs;
  }

  /** Bits per second; `null` before the first transfer. */
  get bitsPerSecond(): number | null {
    const bytes = this.#samples.reduce((sum, sample) => sum + sample.bytes, 0);
    const ms = this.#samples.reduce((sum, sample) => sum + sample.ms, 0);
    return ms > 0 ? (bytes * 8000) / ms : null;
  }
}
