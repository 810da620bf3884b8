// The relay dies in the middle. The tabs give each other the rest, and each plays on beyond what its own player had buffered.
import assert from "node:assert/strict";

import { WatchPage } from "../harness/pages.mjs";

export const seconds = 120;

/** Where the first tab is when the relay dies: the middle of a minute. */
const MIDDLE = 30;

export default async function (story) {
  const relay = await story.relay();
  relay.publishLadder();
  const browser = await story.browser();
  const digests = relay.digests("ladder");
  const first = await open(browser, relay, "first");
  await first.tab.seek(MIDDLE - 20);
  const second = await open(browser, relay, "second");
  await second.tab.seek(MIDDLE - 24);
  await Promise.all([first, second].map((page) => page.untilSharingWith(1)));
  await first.tab.untilPlayed(MIDDLE - 6, 40);
  // The third has hardly anything when it is linked: what it plays later comes from the others.
  const third = await open(browser, relay, "third");
  const pages = [first, second, third];
  await Promise.all(pages.map((page) => page.untilSharingWith(2)));

  await relay.kill();
  story.note("the relay is dead");
  const left = await Promise.all(pages.map(({ tab }) => tab.video()));
  const before = await third.tab.carried();
  await Promise.all(pages.map((page) => page.untilLine("lost, trying again", 30)));
  await Promise.all(
    pages.map(async ({ tab }, index) => {
      const { bufferedEnd, currentTime } = left[index];
      story.fact(`${tab.name} was at ${currentTime.toFixed(1)} s with video up to ${bufferedEnd.toFixed(1)} s`);
      await tab.untilPlayed(bufferedEnd + 2, bufferedEnd - currentTime + 15);
      await tab.expectNoStall();
      await tab.expectOnlyOriginBytes(digests);
    }),
  );
  const received = (await third.tab.carried()).received - before.received;
  story.fact(`the third took ${received} bytes from the others after the relay died`);
  assert.ok(received > 500_000, "the others hardly gave anything once the relay was dead");
}

async function open(browser, relay, name) {
  const page = await WatchPage.open(browser, relay, name, "ladder");
  await page.sayYes();
  return page;
}
