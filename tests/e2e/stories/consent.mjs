// Nothing is shared before a yes or after a no, and no more than was allowed.
import assert from "node:assert/strict";

import { WatchPage } from "../harness/pages.mjs";

export const seconds = 120;

/** A third of what the stream needs, so that the limit is what binds. */
const CAP_BPS = 500_000;

export default async function (story) {
  const relay = await story.relay();
  relay.publishLadder();
  const browser = await story.browser();
  const giver = await WatchPage.open(browser, relay, "giver", "ladder");
  await giver.uploadLimit.selectOption(String(CAP_BPS));
  await giver.sayYes();
  await expectNothingWithoutYes(relay, browser, giver);
  const taker = await WatchPage.open(browser, relay, "taker", "ladder");
  await taker.sayYes();
  await expectSharingWithYes([giver, taker]);
  await expectCapRespected(story, giver, taker);
  await expectOffAtOnce(giver, taker);
}

/** One visitor says no and one does not answer, beside one who shares: neither has any connection at all. */
async function expectNothingWithoutYes(relay, browser, giver) {
  const silent = await WatchPage.open(browser, relay, "silent", "ladder");
  const refusing = await WatchPage.open(browser, relay, "refusing", "ladder");
  await expectEqualAnswers(refusing);
  await refusing.sayNo();
  await refusing.untilItSays("Not sharing");
  const quiet = [silent.tab, refusing.tab];
  await Promise.all(quiet.map((tab) => tab.untilPlayed(12, 30)));
  for (const tab of quiet) {
    assert.equal(await tab.constructed(), 0, `${tab.name} made a peer connection without a yes`);
    assert.deepEqual(await tab.carried(), { sent: 0, received: 0 });
    await tab.expectNoStall();
  }
  assert.equal(await relay.metric("thetab_tracker_sessions"), 1, "somebody joined without a yes");
  assert.deepEqual(await giver.tab.carried(), { sent: 0, received: 0 });
  await Promise.all(quiet.map((tab) => tab.page.close()));
}

/** A no is as easy as a yes: as large, and one key away. */
async function expectEqualAnswers({ tab, yes, no }) {
  const [first, second] = await Promise.all([yes.boundingBox(), no.boundingBox()]);
  assert.ok(Math.abs(first.height - second.height) < 1, "yes and no differ in height");
  assert.ok(Math.min(first.width, second.width) >= 0.8 * Math.max(first.width, second.width), "yes and no differ in width");
  await yes.focus();
  await tab.page.keyboard.press("Tab");
  assert.ok(await no.evaluate((button) => button === document.activeElement), "no is not one key away from yes");
}

async function expectSharingWithYes([giver, taker]) {
  await Promise.all([giver, taker].map((page) => page.untilSharingWith(1)));
  await taker.tab.untilCarried("received", 16 * 1024, 30);
  assert.ok((await giver.tab.carried()).sent > 0, "the giver's statistics show nothing sent");
}

/** Some seconds of giving as much as the limit lets through, and no more. */
async function expectCapRespected(story, giver, taker) {
  const { currentTime } = await taker.tab.video();
  const [before, from] = [(await giver.tab.carried()).sent, performance.now()];
  await taker.tab.untilPlayed(currentTime + 10, 30);
  const [sent, passed] = [(await giver.tab.carried()).sent - before, (performance.now() - from) / 1000];
  const rateBps = (sent * 8) / passed;
  story.fact(`gave ${(rateBps / 1000).toFixed(0)} kbit/s over ${passed.toFixed(1)} s with a limit of ${CAP_BPS / 1000} kbit/s`);
  assert.ok(rateBps >= 0.5 * CAP_BPS, "too little was given for the limit to be what binds");
  // Beside the pieces, a channel carries their headers; a quarter of a second may go at once.
  assert.ok(rateBps <= CAP_BPS * (1.05 + 0.25 / passed), `${rateBps.toFixed(0)} bit/s with a limit of ${CAP_BPS}`);
}

/** The off switch closes every link at once, and nothing leaves afterwards. */
async function expectOffAtOnce(giver, taker) {
  await giver.switch.click();
  const flipped = performance.now();
  await giver.untilItSays("Not sharing", 2);
  const isUnlinked = async () => (await window.thetabProbe.connections()).every(({ state }) => state === "closed");
  await giver.tab.until("every connection is closed", isUnlinked, { within: 2 });
  const { sent } = await giver.tab.carried();
  await taker.untilItSays("Too few viewers to share with", 20);
  giver.tab.story.note(`everything closed ${(performance.now() - flipped).toFixed(0)} ms after the switch`);
  const { currentTime } = await giver.tab.video();
  await giver.tab.untilPlayed(Math.min(currentTime + 3, 58), 10);
  assert.equal((await giver.tab.carried()).sent, sent, "media left the tab after the switch");
}
