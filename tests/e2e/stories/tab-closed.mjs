// A tab that gives is closed in the middle of a piece. The others notice nothing.
import assert from "node:assert/strict";

import { WatchPage } from "../harness/pages.mjs";

export const seconds = 90;

export default async function (story) {
  const relay = await story.relay();
  relay.publishLadder();
  const browser = await story.browser();
  const pages = [];
  for (const name of ["giver", "second", "third"]) {
    const page = await WatchPage.open(browser, relay, name, "ladder");
    await page.sayYes();
    pages.push(page);
  }
  const [giver, ...others] = pages;
  await Promise.all(pages.map((page) => page.untilSharingWith(2)));
  await untilGiving(giver);
  await giver.tab.page.close();
  story.note("the giver is gone");
  await Promise.all(others.map((page) => page.untilSharingWith(1)));
  const positions = await Promise.all(others.map(({ tab }) => tab.video()));
  const digests = relay.digests("ladder");
  for (const [index, { tab }] of others.entries()) {
    // Beyond all that could have been there already.
    await tab.untilPlayed(Math.min(positions[index].bufferedEnd + 6, 58), 60);
    await tab.expectNoStall();
    await tab.expectOnlyOriginBytes(digests);
  }
}

/** Waits until the browser's own statistics show media on its way out: more in each of two looks at them. */
async function untilGiving({ tab }) {
  const before = (await tab.carried()).sent;
  await tab.until(
    "media leaves this tab",
    async (before) => {
      const sent = async () => {
        const connections = await window.thetabProbe.connections();
        const media = connections.flatMap(({ channels }) => channels).filter(({ label }) => label === "bulk");
        return media.reduce((total, channel) => total + channel.sent, 0);
      };
      const first = await sent();
      await new Promise((resolve) => requestAnimationFrame(resolve));
      return first > before && (await sent()) > first;
    },
    { argument: before, within: 40 },
  );
}
