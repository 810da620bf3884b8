// Two visitors watch a live stream, over the seam of its loop. The second takes media from the first, and neither falls behind.
import assert from "node:assert/strict";

import { WatchPage } from "../harness/pages.mjs";

export const seconds = 120;

const WATCHED_SECONDS = 40;
/** Three segments of 4 s that a live player keeps as its distance, one that is being made, and some room. */
const MAX_LATENCY_SECONDS = 20;

export default async function (story) {
  const relay = await story.relay();
  // A loop of one minute that began a minute ago: its seam is at the live edge when the first visitor comes.
  relay.publishLadder("--loop");
  const browser = await story.browser();
  const pages = [];
  for (const name of ["first", "second"]) {
    const page = await WatchPage.open(browser, relay, name, "ladder");
    await page.sayYes();
    pages.push(page);
  }
  await Promise.all(pages.map((page) => page.untilSharingWith(1)));
  const begun = await Promise.all(pages.map(({ tab }) => look(tab)));
  await Promise.all(
    pages.map(({ tab }, index) => tab.untilPlayed(begun[index].currentTime + WATCHED_SECONDS, WATCHED_SECONDS + 20)),
  );
  const ended = await Promise.all(pages.map(({ tab }) => look(tab)));
  const digests = relay.digests("ladder");
  for (const [index, { tab }] of pages.entries()) {
    const { latency } = ended[index];
    story.fact(`${tab.name}: ${begun[index].latency.toFixed(1)} s behind at first, ${latency.toFixed(1)} s in the end`);
    assert.ok(latency < MAX_LATENCY_SECONDS, `${tab.name} is ${latency.toFixed(1)} s behind`);
    assert.ok(ended[index].windowStart > begun[index].windowStart + 20, `${tab.name}: the window does not slide`);
    await tab.expectNoStall();
    const names = await tab.expectOnlyOriginBytes(digests);
    assert.ok(names.includes("r0/14.m4s") || names.includes("r1/14.m4s"), `${tab.name} did not see the end of the loop`);
  }
  const { received } = await pages[1].tab.carried();
  const origin = relay.bytes({ tab: "second", kind: "media" });
  story.fact(`second: ${received} bytes in by WebRTC, ${origin} from the origin`);
  assert.ok(received > 0, "the second tab got nothing from the first");
}

/** Where the playhead is, and where the live window begins and ends. */
function look(tab) {
  return tab.page.evaluate(() => {
    const { currentTime, seekable } = document.querySelector("video");
    const last = seekable.length - 1;
    return { currentTime, windowStart: seekable.start(0), latency: seekable.end(last) - currentTime };
  });
}
