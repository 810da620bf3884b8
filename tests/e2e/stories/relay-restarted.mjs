// The relay is restarted. The video goes on, the tabs find it again, and a newcomer joins them.
import assert from "node:assert/strict";

import { WatchPage } from "../harness/pages.mjs";

export const seconds = 120;

export default async function (story) {
  const relay = await story.relay();
  const browser = await story.browser();
  const pages = [];
  for (const name of ["first", "second"]) {
    const page = await WatchPage.open(browser, relay, name);
    await page.sayYes();
    pages.push(page);
  }
  await Promise.all(pages.map((page) => page.untilSharingWith(1)));
  await Promise.all(pages.map((page) => page.untilItSays("2 viewers")));

  await relay.kill();
  await Promise.all(pages.map((page) => page.untilLine("lost, trying again", 30)));
  story.note("both know that the relay is gone");
  await relay.restart();
  await Promise.all(pages.map((page) => page.untilLine("open", 45)));
  story.note("both are back at the relay");
  await Promise.all(pages.map((page) => page.untilItSays("2 viewers")));

  const third = await WatchPage.open(browser, relay, "third");
  await third.sayYes();
  await third.untilSharingWith(2);
  await Promise.all(pages.map((page) => page.untilSharingWith(2)));
  await third.tab.untilCarried("received", 1, 20);
  for (const { tab } of pages) {
    await tab.expectNoStall();
    await tab.expectOnlyOriginBytes(relay.digests("sample"));
  }
  assert.equal(await relay.metric("thetab_tracker_sessions"), 3);
}
