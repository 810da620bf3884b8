import type { Conditions } from "./node-session.js";

/** Parts of the platform that not every browser has. */
interface Battery extends EventTarget {
  charging: boolean;
  level: number;
}
type Platform = Navigator & {
  connection?: EventTarget & { saveData?: boolean };
  getBattery?: () => Promise<Battery>;
};

const LOW_BATTERY = 0.2;

/** Watches what the device, the tab and the video element say about themselves. */
export class ConditionsWatch {
  readonly #video: HTMLVideoElement;
  readonly #report: (conditions: Conditions) => void;
  readonly #stop = new AbortController();
  #battery: Battery | null = null;

  constructor(video: HTMLVideoElement, report: (conditions: Conditions) => void) {
    this.#video = video;
    this.#report = report;
    const platform: Platform = navigator;
    this.#listen(document, ["visibilitychange"]);
    this.#listen(video, ["play", "playing", "pause", "ended"]);
    if (platform.connection) this.#listen(platform.connection, ["change"]);
    void this.#watchBattery(platform);
    this.#send();
  }

  async #watchBattery(platform: Platform): Promise<void> {
    try {
      this.#battery = (await platform.getBattery?.()) ?? null;
    } catch {
      return; // Refused by the page's policy: then nothing is known about the battery.
    }
    if (!this.#battery || this.#stop.signal.aborted) return;
    this.#listen(this.#battery, ["chargingchange", "levelchange"]);
    this.#send();
  }

  #listen(target: EventTarget, events: string[]): void {
    const { signal } = this.#stop;
    for (const event of events) target.addEventListener(event, () => this.#send(), { signal });
  }

  #send(): void {
    const platform: Platform = navigator;
    const battery = this.#battery;
    this.#report({
      saveData: platform.connection?.saveData === true,
      batteryLow: battery !== null && !battery.charging && battery.level < LOW_BATTERY,
      hidden: document.hidden,
      paused: this.#video.paused || this.#video.ended,
    });
  }

  close(): void {
    this.#stop.abort();
  }
}
