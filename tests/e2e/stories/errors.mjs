// What a visitor reads when something is wrong, and that what can go on does.
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";

import { ladder, packagedStream } from "../harness/fixtures.mjs";
import { WatchPage } from "../harness/pages.mjs";

export const seconds = 120;

export default async function (story) {
  const relay = await story.relay();
  const browser = await story.browser();
  await Promise.all([
    missingStream(relay, browser),
    brokenRecord(story, relay, browser),
    unsupportedCodec(relay, browser),
    networkLost(story, relay, browser),
  ]);
}

async function missingStream(relay, browser) {
  const tab = await browser.tab("missing");
  await tab.open(`${relay.url}/watch/no-such-stream`);
  await expectProblem(tab, "This stream does not exist here", "stream_not_found");
  await tab.page.getByRole("link", { name: "All streams of this relay" }).click();
  await tab.page.getByRole("heading", { name: "Streams on this relay" }).waitFor();
}

/** Records that the publisher signed for another stream: nothing is shared, and the video goes on. */
async function brokenRecord(story, relay, browser) {
  relay.publishLadder();
  relay.publish("--packaged", ladder(), "--name", "twin");
  for (const rendition of ["r0", "r1", "r2"]) {
    for (const page of ["init", "0"]) {
      const path = join(rendition, `records/${page}.bin`);
      copyFileSync(join(relay.folderOf("twin"), path), join(relay.folderOf("ladder"), path));
    }
  }
  const first = await WatchPage.open(browser, relay, "record-first", "ladder");
  await first.sayYes();
  const second = await WatchPage.open(browser, relay, "record-second", "ladder");
  await second.sayYes();
  for (const { tab } of [first, second]) {
    await expectProblem(tab, "The publisher’s signature is wrong", "record_invalid");
    const { bufferedEnd } = await tab.video();
    await tab.untilPlayed(Math.min(bufferedEnd + 2, 45), 50);
    await tab.expectOnlyOriginBytes(relay.digests("ladder"));
    await tab.expectNoStall();
    assert.deepEqual(await tab.carried(), { sent: 0, received: 0 }, `${tab.name} shared what it could not check`);
  }
  await second.tab.screenshot("record-invalid");
  story.note("the video with a broken record goes on");
}

async function unsupportedCodec(relay, browser) {
  const video = [{ width: 320, height: 180, kbps: 300 }];
  relay.publish("--packaged", packagedStream("hevc", { seconds: 8, video, codec: "libx265" }), "--name", "hevc");
  const tab = await browser.tab("codec");
  await tab.open(`${relay.url}/watch/hevc`);
  await expectProblem(tab, "This browser cannot play the video’s format", "codec_unsupported");
  await tab.screenshot("codec-unsupported");
}

/** The visitor's network goes away: what is buffered plays on, the page says what happened, and it ends by itself. */
async function networkLost(story, relay, browser) {
  const { tab } = await WatchPage.open(browser, relay, "offline");
  await tab.untilPlayed(2, 15);
  await tab.page.context().setOffline(true);
  const { bufferedEnd } = await tab.video();
  await tab.seek(bufferedEnd - 3);
  await expectProblem(tab, "The stream’s server does not answer", "network");
  await tab.screenshot("network-lost");
  await tab.page.context().setOffline(false);
  await tab.untilPlayed(bufferedEnd + 5, 30);
  await tab.page.getByRole("alert").waitFor({ state: "detached", timeout: 10_000 });
  story.note("the network is back");
}

/** The page says it aloud, and gives a code to search for. */
async function expectProblem(tab, title, code) {
  const alert = tab.page.getByRole("alert").filter({ hasText: title });
  await alert.waitFor({ timeout: 30_000 });
  assert.equal((await alert.locator("code").textContent()).trim(), code);
}
