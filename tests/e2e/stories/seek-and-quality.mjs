// Jumping about, changing the quality and hearing the sound work while the tab shares.
import assert from "node:assert/strict";

import { WatchPage } from "../harness/pages.mjs";

export const seconds = 120;

export default async function (story) {
  const relay = await story.relay();
  relay.publishLadder();
  const browser = await story.browser();
  const first = await WatchPage.open(browser, relay, "first", "ladder");
  await first.sayYes();
  const second = await WatchPage.open(browser, relay, "second", "ladder");
  await second.sayYes();
  await Promise.all([first, second].map((page) => page.untilSharingWith(1)));

  // Far ahead, back to the start, and a short jump within what is buffered.
  for (const seconds of [45, 2, 8, 50, 20]) {
    await second.tab.seek(seconds);
    const started = performance.now();
    await second.tab.untilPlayed(seconds + 0.3, 10);
    await second.tab.until("it is where it was sent", (seconds) => {
      const { currentTime } = document.querySelector("video");
      return currentTime >= seconds && currentTime < seconds + 10;
    }, { argument: seconds });
    story.fact(`plays ${((performance.now() - started) / 1000 - 0.3).toFixed(2)} s after a jump to ${seconds} s`);
  }

  await second.tab.until("360 lines are shown", () => document.querySelector("video").videoHeight === 360);
  await second.quality.selectOption({ label: await optionLabel(second, "180p") });
  await second.tab.until("180 lines are shown", () => document.querySelector("video").videoHeight === 180, { within: 20 });
  await second.quality.selectOption({ label: await optionLabel(second, "360p") });
  await second.tab.until("360 lines are shown again", () => document.querySelector("video").videoHeight === 360, { within: 20 });

  const names = await second.tab.expectOnlyOriginBytes(relay.digests("ladder"));
  for (const rendition of ["r0", "r1", "r2"]) {
    assert.ok(names.some((name) => name.startsWith(`${rendition}/`)), `nothing of ${rendition} was appended`);
  }
  await expectSound(second.tab);
  assert.equal(await second.rejectedPieces(), 0);
  assert.equal(await second.bannedPeers(), 0);
}

async function optionLabel({ quality }, start) {
  const labels = await quality.locator("option").allTextContents();
  const label = labels.find((label) => label.startsWith(start));
  assert.ok(label, `no quality ${start} among ${labels.join(", ")}`);
  return label;
}

/** The browser decodes sound beside the pictures. */
async function expectSound(tab) {
  const decoded = () => tab.page.evaluate(() => document.querySelector("video").webkitAudioDecodedByteCount);
  const before = await decoded();
  assert.ok(before > 0, "no sound was decoded");
  await tab.until("more sound is decoded", (before) => document.querySelector("video").webkitAudioDecodedByteCount > before, {
    argument: before,
  });
}
