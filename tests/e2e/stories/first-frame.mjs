// A visitor sees the first frame as early with the node as without it.
import assert from "node:assert/strict";

import { WatchPage } from "../harness/pages.mjs";

export const seconds = 90;

const IS_NODE = /\/node\/thetab_browser/;

export default async function (story) {
  const relay = await story.relay();
  const browser = await story.browser();
  // The first tab warms up the browser's own caches of code.
  await firstFrame(browser, relay, "warm-up");
  const free = await firstFrame(browser, relay, "free");
  const blocked = await firstFrame(browser, relay, "blocked", { isBlocked: true });
  story.fact(`first frame after ${free.ms.toFixed(0)} ms, with the node's module held back after ${blocked.ms.toFixed(0)} ms`);

  await blocked.tab.untilPlayed(8, 20);
  await blocked.tab.expectNoStall();
  assert.ok(blocked.ms < free.ms + 500, "the first frame waits for the node");
  const isNode = ({ path, user_agent }) => IS_NODE.test(path) && user_agent.endsWith("/blocked");
  assert.ok(!relay.hasServed(isNode), "the module was to be held back");
}

/** Opens a tab, and measures until its video plays. With `isBlocked`, the node's module never arrives. */
async function firstFrame(browser, relay, name, { isBlocked = false } = {}) {
  const asked = [];
  const prepare = async (page) => {
    page.on("request", (request) => {
      if (IS_NODE.test(request.url())) asked.push(Date.now());
    });
    // A request that is neither answered nor refused hangs.
    if (isBlocked) await page.route(IS_NODE, () => {});
  };
  const { tab } = await WatchPage.open(browser, relay, name, "sample", { prepare });
  if (asked.length === 0) await tab.page.waitForRequest(IS_NODE, { timeout: 10_000 });
  const { at } = (await tab.events()).find(({ type }) => type === "playing");
  const playingAt = (await tab.page.evaluate(() => performance.timeOrigin)) + at;
  assert.ok(asked[0] >= playingAt, `${name}: the node's module was asked for before the video played`);
  return { tab, ms: at };
}
