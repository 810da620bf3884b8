// Three visitors watch one video, each coming 10 s after the last. The later ones take most of it from the earlier.
import assert from "node:assert/strict";

import { WatchPage } from "../harness/pages.mjs";

export const seconds = 210;

const SEGMENTS = 30;

export default async function (story) {
  const relay = await story.relay();
  const browser = await story.browser();
  const pages = [];
  for (const name of ["first", "second", "third"]) {
    await pages.at(-1)?.tab.untilPlayed(10, 20);
    const page = await WatchPage.open(browser, relay, name);
    await page.sayYes();
    pages.push(page);
  }
  await Promise.all(pages.map((page) => page.untilSharingWith(2)));
  await Promise.all(pages.map(({ tab }) => tab.untilEnded(150)));

  const digests = relay.digests("sample");
  for (const { tab } of pages) {
    const names = await tab.expectOnlyOriginBytes(digests);
    expectWholeVideo(tab.name, names);
    await tab.expectNoStall();
  }
  for (const [index, page] of pages.entries()) {
    const { tab } = page;
    const shares = await sources(relay, tab);
    const { sent, received } = await tab.carried();
    story.fact(`${tab.name}: ${percent(shares)} of its media from the origin; ${received} bytes in by WebRTC, ${sent} out`);
    if (index > 0) {
      assert.ok(shares.origin * 2 <= shares.played, `${tab.name} took ${percent(shares)} from the origin, more than half`);
      assert.ok(received * 2 >= shares.played, `${tab.name} got too little by WebRTC`);
    }
  }
  await expectHonesty(relay, pages);
}

/** What an honest swarm looks like from everywhere: nothing rejected, nobody banned, nobody reported. */
async function expectHonesty(relay, pages) {
  for (const page of pages) {
    assert.equal(await page.rejectedPieces(), 0, `${page.tab.name} rejected pieces of an honest peer`);
    assert.equal(await page.bannedPeers(), 0, `${page.tab.name} banned an honest peer`);
  }
  assert.equal(await relay.metric("thetab_reports_total"), 0);
}

function expectWholeVideo(tab, names) {
  const sequences = (renditions) =>
    names
      .map((name) => /^(r\d+)\/(\d+)\.m4s$/.exec(name))
      .filter((match) => match && renditions.includes(match[1]))
      .map((match) => Number(match[2]));
  for (const renditions of [["r0", "r1"], ["r2"]]) {
    const whole = Array.from({ length: SEGMENTS }, (_, sequence) => sequence);
    const found = [...new Set(sequences(renditions))].sort((a, b) => a - b);
    assert.deepEqual(found, whole, `${tab} did not append every segment of ${renditions}`);
  }
}

/** Media bytes that the relay says it gave to a tab, and those that the tab played. */
async function sources(relay, tab) {
  const origin = relay.bytes({ tab: tab.name, kind: "media" });
  const played = (await tab.appended()).reduce((sum, { size }) => sum + size, 0);
  return { origin, played };
}

function percent({ origin, played }) {
  return `${((100 * origin) / played).toFixed(0)} %`;
}
