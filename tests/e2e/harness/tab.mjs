// One visitor's tab: what is done in it, and what can be seen of it.
import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import { join } from "node:path";

/** Playback that stands still this long while it should move is frozen. */
const FROZEN_MS = 1000;
/** `HTMLMediaElement.HAVE_FUTURE_DATA`: below, the next frame is not there. */
const HAVE_FUTURE_DATA = 3;

export class Tab {
  constructor(story, name, page) {
    this.story = story;
    this.name = name;
    this.page = page;
    const log = createWriteStream(join(story.folder, `${name}.console.log`));
    page.on("console", (message) => log.write(`${message.type()}: ${message.text()}\n`));
    page.on("pageerror", (error) => log.write(`uncaught: ${error.stack ?? error}\n`));
    page.on("requestfailed", (request) => log.write(`failed: ${request.url()} ${request.failure()?.errorText}\n`));
    page.on("close", () => log.end());
    story.closing(async () => log.end());
  }

  async open(url) {
    this.story.note(`${this.name} opens ${url}`);
    await this.page.goto(url, { waitUntil: "domcontentloaded" });
  }

  /** Waits until something is true in the page; `what` says what, for the error. */
  async until(what, condition, { argument, within = 15 } = {}) {
    try {
      await this.page.waitForFunction(condition, argument, { timeout: within * 1000, polling: 100 });
    } catch (error) {
      if (error.name !== "TimeoutError") throw error;
      throw new Error(`${this.name}: after ${within} s still not: ${what}`, { cause: error });
    }
  }

  async untilPlaying(within = 15) {
    const isPlaying = () => {
      const video = document.querySelector("video");
      return video && !video.paused && video.readyState >= 3 && video.currentTime > 0;
    };
    await this.until("the video plays", isPlaying, { within });
  }

  async untilPlayed(seconds, within) {
    const hasPlayed = (seconds) => (document.querySelector("video")?.currentTime ?? 0) >= seconds;
    await this.until(`the playhead is at ${seconds.toFixed(1)} s`, hasPlayed, { argument: seconds, within });
  }

  async untilEnded(within) {
    await this.until("the video ended", () => document.querySelector("video")?.ended === true, { within });
  }

  /** What the video element says. */
  video() {
    return this.page.evaluate(() => {
      const video = document.querySelector("video");
      const { buffered, currentTime, paused, ended, seeking, readyState, videoHeight, duration } = video;
      let bufferedEnd = currentTime;
      for (let index = 0; index < buffered.length; index += 1) {
        if (buffered.start(index) <= bufferedEnd + 0.25) bufferedEnd = Math.max(bufferedEnd, buffered.end(index));
      }
      return { bufferedEnd, currentTime, paused, ended, seeking, readyState, videoHeight, duration };
    });
  }

  async seek(seconds) {
    await this.page.evaluate((seconds) => {
      document.querySelector("video").currentTime = seconds;
    }, seconds);
  }

  /** Everything that was appended to the player's buffers, with digests. */
  appended() {
    return this.page.evaluate(() => window.thetabProbe.appended());
  }

  events() {
    return this.page.evaluate(() => window.thetabProbe.events());
  }

  /**
   * Bytes of media between this tab and others, by the browser's own statistics. The line to the relay has no
   * channel of that name.
   */
  async carried() {
    const connections = await this.page.evaluate(() => window.thetabProbe.connections());
    const media = connections.flatMap(({ channels }) => channels).filter(({ label }) => label === "bulk");
    const sum = (key) => media.reduce((total, channel) => total + (channel[key] ?? 0), 0);
    return { sent: sum("sent"), received: sum("received") };
  }

  /** Waits until at least `bytes` of media were `sent` or `received`, by the browser's own statistics. */
  async untilCarried(way, bytes, within) {
    await this.until(
      `${bytes} bytes of media ${way}`,
      async ({ way, bytes }) => {
        const connections = await window.thetabProbe.connections();
        const media = connections.flatMap(({ channels }) => channels).filter(({ label }) => label === "bulk");
        return media.reduce((total, channel) => total + (channel[way] ?? 0), 0) >= bytes;
      },
      { argument: { way, bytes }, within },
    );
  }

  /** How many peer connections to other tabs are open. */
  async links() {
    const connections = await this.page.evaluate(() => window.thetabProbe.connections());
    const isLink = ({ channels }) => channels.some(({ label }) => label === "bulk");
    return connections.filter((each) => each.state === "connected" && isLink(each)).length;
  }

  /** How many peer connections were ever constructed, the one to the relay included. */
  async constructed() {
    return (await this.page.evaluate(() => window.thetabProbe.connections())).length;
  }

  /**
   * That playback never stood still for want of data. A `waiting` whose data are there is a decoder that a busy
   * machine kept waiting; it counts once it lasts.
   */
  async expectNoStall() {
    const { longestMs, longestAt } = await this.page.evaluate(() => window.thetabProbe.moved());
    const events = await this.events();
    const firstPlay = events.find(({ type }) => type === "playing")?.at ?? Infinity;
    const waits = events.filter(({ type, seeking, at }) => type === "waiting" && !seeking && at > firstPlay);
    const stalls = waits.filter(({ readyState }) => readyState < HAVE_FUTURE_DATA);
    this.story.note(`${this.name}: longest standstill ${longestMs.toFixed(0)} ms, ${waits.length} waits`);
    assert.ok(longestMs < FROZEN_MS, `${this.name} stood still for ${longestMs.toFixed(0)} ms at ${longestAt} s`);
    assert.deepEqual(stalls, [], `${this.name} had to wait for data`);
  }

  /**
   * That every append so far is, byte for byte, a segment of the origin (`digests` by SHA-256).
   * Returns the names of the segments in the order in which they were appended.
   */
  async expectOnlyOriginBytes(digests) {
    const appended = await this.appended();
    assert.ok(appended.length > 0, `${this.name} appended nothing`);
    const strange = appended.filter(({ sha256 }) => !digests.has(sha256));
    assert.deepEqual(strange, [], `${this.name} appended bytes that are no segment of the origin`);
    return appended.map(({ sha256 }) => digests.get(sha256));
  }

  async screenshot(name) {
    await this.page.screenshot({ path: join(this.story.folder, `${name}.png`) });
  }

  async fullScreenshot(name) {
    await this.page.screenshot({ path: join(this.story.folder, `${name}.png`), fullPage: true });
  }

  /** For a failed story: a picture, and what the probe knows. */
  async describe() {
    try {
      if (this.page.isClosed()) return;
      await this.screenshot(`${this.name}-failed`);
      const state = await this.page.evaluate(async () => ({
        events: window.thetabProbe?.events().slice(-40),
        moved: window.thetabProbe?.moved(),
        connections: await window.thetabProbe?.connections(),
        appended: (await window.thetabProbe?.appended())?.slice(-8),
        text: document.body?.innerText,
      }));
      this.story.note(`${this.name}: ${JSON.stringify(state, null, 1)}`);
    } catch (error) {
      this.story.note(`${this.name} cannot be described: ${error}`);
    }
  }
}
