// Metered connections, data savers, low batteries and hidden tabs only take, and the page says why.
import assert from "node:assert/strict";

import { WatchPage } from "../harness/pages.mjs";

export const seconds = 150;

/** What a device or a browser says about itself, with a way to change it later. */
const DEVICE = {
  saving: `
    const connection = Object.assign(new EventTarget(), { saveData: true });
    Object.defineProperty(navigator, "connection", { value: connection });
  `,
  empty: `
    const battery = Object.assign(new EventTarget(), { charging: false, level: 0.15 });
    navigator.getBattery = async () => battery;
  `,
  hidden: `
    let isHidden = false;
    Object.defineProperty(document, "hidden", { get: () => isHidden });
    window.hideTab = () => {
      isHidden = true;
      document.dispatchEvent(new Event("visibilitychange"));
    };
  `,
};

export default async function (story) {
  const relay = await story.relay();
  const browser = await story.browser();
  const hidden = await WatchPage.open(browser, relay, "hidden", "sample", { before: DEVICE.hidden });
  await hidden.sayYes();
  // The minute that a hidden tab goes on sharing passes while the others are looked at.
  await hidden.tab.page.evaluate(() => {
    window.hideTab();
    document.querySelector("video").pause();
  });

  const metered = await WatchPage.open(browser, relay, "metered");
  await metered.sayYes();
  await Promise.all([hidden, metered].map((page) => page.untilSharingWith(1)));
  await metered.metered.click();
  await metered.untilItSays("Gives nothing on a metered connection.");
  await metered.untilItSays("Receiving only");
  const { sent } = await metered.tab.carried();

  const saving = await WatchPage.open(browser, relay, "saving", "sample", { before: DEVICE.saving });
  await saving.sayYes();
  await saving.untilItSays("Gives nothing on a metered connection.");
  const empty = await WatchPage.open(browser, relay, "empty", "sample", { before: DEVICE.empty });
  await empty.sayYes();
  await empty.untilItSays("Gives nothing on a low battery.");

  // Both take from the tab that still gives.
  await Promise.all([saving, empty].map(({ tab }) => tab.untilCarried("received", 1, 20)));
  for (const { tab } of [saving, empty]) assert.equal((await tab.carried()).sent, 0, `${tab.name} gave something`);
  await hidden.untilItSays("Gives nothing while the tab is hidden and paused.", 80);
  assert.equal((await metered.tab.carried()).sent, sent, "a metered tab gave something");
  await metered.metered.click();
  await metered.untilItSays(/^Sharing with/);
}
