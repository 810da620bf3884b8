// Peers that break the protocol are found out and cut off. Nobody freezes, and no wrong byte is played.
import assert from "node:assert/strict";

import { EvilPeer } from "../harness/evil.mjs";
import { ladder } from "../harness/fixtures.mjs";
import { WatchPage } from "../harness/pages.mjs";

export const seconds = 180;

/** Ways for which a peer is banned, and those that an unlucky peer might have too: it is only let go. */
const BANNED = ["zero", "flood", "forge-records", "oversize"];
const LET_GO = ["stall", "lie"];

export default async function (story) {
  const relay = await story.relay();
  relay.publishLadder();
  relay.publish("--packaged", ladder(), "--name", "twin");
  const browser = await story.browser();
  await Promise.all([meetCorruption(story, relay, browser), meetTheOthers(story, relay, browser)]);
}

/** Two honest tabs and a peer that flips a bit in each piece. */
async function meetCorruption(story, relay, browser) {
  const corrupt = await EvilPeer.start(story, relay, "ladder", "corrupt");
  const pages = [];
  for (const name of ["first", "second"]) {
    const page = await WatchPage.open(browser, relay, name, "ladder");
    await page.sayYes();
    pages.push(page);
  }
  for (const page of pages) {
    await page.untilBanned(1, 40);
    const rejected = await page.rejectedPieces();
    story.fact(`${page.tab.name} rejected ${rejected} of its pieces and banned ${await page.bannedPeers()} peer`);
    assert.ok(rejected > 0, `${page.tab.name} rejected no piece`);
  }
  const { tampered } = await corrupt.until(({ links }) => links === 0);
  assert.ok(tampered > 0, "the corrupt peer sent nothing wrong");
  await Promise.all(pages.map((page) => page.untilSharingWith(1)));
  await Promise.all(pages.map(({ tab }) => tab.untilEnded(80)));
  for (const page of pages) {
    assert.equal(await page.bannedPeers(), 1, `${page.tab.name} banned an honest peer`);
    await page.tab.expectNoStall();
    await page.tab.expectOnlyOriginBytes(relay.digests("ladder"));
  }
}

/** One honest tab after the other, each alone with a peer that breaks the protocol in its own way. */
async function meetTheOthers(story, relay, browser) {
  for (const mode of [...BANNED, ...LET_GO]) {
    const peer = await EvilPeer.start(story, relay, "twin", mode);
    const page = await WatchPage.open(browser, relay, mode, "twin");
    await page.sayYes();
    if (BANNED.includes(mode)) await page.untilBanned(1, 30);
    const { tampered } = await peer.until(({ links, links_opened }) => links === 0 && links_opened > 0);
    assert.ok(tampered > 0, `the ${mode} peer did nothing wrong`);
    assert.equal(await page.bannedPeers(), BANNED.includes(mode) ? 1 : 0, `bans for ${mode}`);
    const { currentTime } = await page.tab.video();
    await page.tab.untilPlayed(currentTime + 3, 15);
    await page.tab.expectNoStall();
    await page.tab.expectOnlyOriginBytes(relay.digests("twin"));
    story.note(`${mode}: ${tampered} times, then it was cut off`);
    await page.tab.page.close();
    await peer.end();
  }
}
