// One story: what it starts ends with it, and what it saw stays in its folder.
import { createWriteStream, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { Browser } from "./browser.mjs";
import { Relay } from "./relay.mjs";
import { settings } from "./settings.mjs";

/** Tells one story; never throws. */
export async function tell(name) {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const story = new Story(name);
  try {
    const { default: run, seconds: limit } = await import(`../stories/${name}.mjs`);
    if (!(limit > 0)) throw new Error(`stories/${name}.mjs gives no time limit`);
    await story.within(limit, run(story));
    return { error: null, seconds: seconds(), facts: story.facts };
  } catch (error) {
    await story.describeFailure(error);
    return { error, seconds: seconds(), facts: story.facts };
  } finally {
    await story.close();
  }
}

class Story {
  /** Numbers worth reading beside the result. */
  facts = [];
  #open = [];
  #browsers = [];

  constructor(name) {
    this.name = name;
    this.folder = join(settings.output, name);
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true });
    this.log = createWriteStream(join(this.folder, "story.log"));
    this.#started = performance.now();
  }
  #started;

  /** Notes a step in the story's log. */
  note(text) {
    const at = ((performance.now() - this.#started) / 1000).toFixed(2).padStart(7);
    this.log.write(`${at}  ${text}\n`);
  }

  /** Notes a number that the run prints. */
  fact(text) {
    this.facts.push(text);
    this.note(text);
  }

  /** A relay with the two samples. */
  async relay(...extra) {
    const relay = await Relay.start(join(this.folder, "relay.log"), extra);
    this.closing(() => relay.close());
    this.note(`the relay is at ${relay.url}`);
    return relay;
  }

  async browser() {
    const browser = await Browser.launch(this);
    this.#browsers.push(browser);
    this.closing(() => browser.close());
    return browser;
  }

  /** What is to be closed when the story ends; the last one first. */
  closing(close) {
    this.#open.push(close);
  }

  async within(limit, told) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the story took longer than ${limit} s`)), limit * 1000);
    });
    try {
      await Promise.race([told, late]);
    } finally {
      clearTimeout(timer);
      // When time ran out, what the story still waits for fails as soon as its browser is closed.
      told.catch(() => {});
    }
  }

  async describeFailure(error) {
    this.note(`FAILED: ${error?.stack ?? error}`);
    for (const browser of this.#browsers) await browser.describe();
  }

  async close() {
    for (const close of this.#open.reverse()) {
      await close().catch((error) => this.note(`closing: ${error}`));
    }
    this.log.end();
  }
}
