/** What a visitor sees of playback: stalls, position, buffer, height. */
export class PlaybackWatch {
  readonly #video: HTMLVideoElement;
  readonly #stop = new AbortController();
  #hasPlayed = false;
  #isStalled = false;
  #stalls = 0;

  constructor(video: HTMLVideoElement) {
    this.#video = video;
    const on = (event: string, handler: () => void) =>
      video.addEventListener(event, handler, { signal: this.#stop.signal });
    on("playing", () => {
      this.#hasPlayed = true;
      this.#isStalled = false;
    });
    on("seeking", () => {
      this.#hasPlayed = false; // Waiting after a jump is not a stall.
    });
    on("waiting", () => this.#waiting());
  }

  #waiting(): void {
    const { paused, seeking, ended } = this.#video;
    if (!this.#hasPlayed || this.#isStalled || paused || seeking || ended) return;
    this.#isStalled = true;
    this.#stalls += 1;
  }

  /** Whether the current position is buffered and the next frame is there. */
  get canPlay(): boolean {
    return this.#video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
  }

  snapshot(live: boolean) {
    return {
      positionSeconds: this.#video.currentTime,
      bufferedSeconds: bufferedAhead(this.#video),
      height: this.#video.videoHeight,
      stalls: this.#stalls,
      live,
    };
  }

  close(): void {
    this.#stop.abort();
  }
}

/** Gaps up to this length are played over. */
const GAP_SECONDS = 0.25;

/** Seconds that can be played from the current position without loading. */
export function bufferedAhead(video: HTMLVideoElement): number {
  const { buffered, currentTime } = video;
  let end = currentTime;
  for (let index = 0; index < buffered.length; index += 1) {
    if (buffered.start(index) <= end + GAP_SECONDS) end = Math.max(end, buffered.end(index));
  }
  return end - currentTime;
}
