// A headless Chromium, and tabs that share nothing: each has its own storage, cache and user agent.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { chromium } from "playwright-core";

import { agentOf } from "./relay.mjs";
import { here, settings } from "./settings.mjs";
import { Tab } from "./tab.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  // Without a camera permission, Chromium hides local addresses behind names that only multicast DNS resolves.
  "--disable-features=WebRtcHideLocalIpsWithMdns,HttpsUpgrades,MediaRouter,OptimizationHints,PaintHolding",
  "--autoplay-policy=no-user-gesture-required",
  "--mute-audio",
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
  "--disable-backgrounding-occluded-windows",
  "--disable-background-media-suspend",
];
const PROBE = readFileSync(join(here, "harness/probe.js"), "utf8");

export class Browser {
  tabs = [];

  static async launch(story) {
    const browser = new Browser();
    browser.story = story;
    browser.native = await chromium.launch({ executablePath: settings.chromium, args: FLAGS });
    const page = await browser.native.newPage();
    browser.agent = await page.evaluate(() => navigator.userAgent);
    await page.close();
    return browser;
  }

  /** A tab of its own. `context` are options of Playwright's browser context. */
  async tab(name, { context: options = {}, before } = {}) {
    const userAgent = `${this.agent} ${agentOf(name)}`;
    const context = await this.native.newContext({ userAgent, viewport: { width: 1280, height: 800 }, ...options });
    await context.addInitScript(PROBE);
    if (before) await context.addInitScript(before);
    const page = await context.newPage();
    const tab = new Tab(this.story, name, page);
    this.tabs.push(tab);
    return tab;
  }

  /** Leaves what each tab shows and knows in the story's folder. */
  async describe() {
    for (const tab of this.tabs) await tab.describe();
  }

  async close() {
    await this.native.close();
  }
}
