// Whatever becomes of the node, the video goes on, and the page says so.
import assert from "node:assert/strict";

import { WatchPage } from "../harness/pages.mjs";

export const seconds = 90;

const SCRIPT = "**/node/thetab_browser.js";
const MODULE = "**/node/thetab_browser_bg.wasm";

/** Ways in which the node's module can fail to start. */
const BROKEN = {
  missing: (page) => page.route(SCRIPT, (route) => route.fulfill({ status: 404, body: "" })),
  throwing: (page) => page.route(SCRIPT, (route) => script(route, "throw new Error('not today');")),
  foreign: (page) => page.route(SCRIPT, (route) => script(route, "export const nothing = 1;")),
  garbled: (page) => page.route(MODULE, (route) => route.fulfill({ contentType: "application/wasm", body: "garbled" })),
};

export default async function (story) {
  const relay = await story.relay();
  const browser = await story.browser();
  const broken = Object.entries(BROKEN).map(([name, prepare]) =>
    WatchPage.open(browser, relay, name, "sample", { prepare }),
  );
  const trapped = await openTrapped(browser, relay);
  for (const page of [...(await Promise.all(broken)), trapped]) {
    await page.untilItSays("Sharing stopped", 20);
    const { currentTime } = await page.tab.video();
    // Farther than a player keeps ahead: what follows was fetched without the node.
    await page.tab.seek(currentTime + 45);
    await page.tab.untilPlayed(currentTime + 50, 20);
    await page.tab.expectOnlyOriginBytes(relay.digests("sample"));
    story.note(`${page.tab.name}: the video goes on`);
  }
  await trapped.tab.screenshot("sharing-stopped");
}

/** A node that runs and shares, and whose memory is then overwritten: it traps at its next step, as in a panic. */
async function openTrapped(browser, relay) {
  const trapped = await WatchPage.open(browser, relay, "trapped", "sample", { before: KEEP_MEMORY });
  await trapped.sayYes();
  await trapped.untilItSays("Too few viewers to share with");
  const bytes = await trapped.tab.page.evaluate(() => window.overwriteNode());
  assert.ok(bytes > 0, "the node's memory was not found");
  return trapped;
}

/** Keeps the memory of the module that has the node in it; the app's own module is left alone. */
const KEEP_MEMORY = `
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const instantiate = WebAssembly[name];
    WebAssembly[name] = async (...args) => {
      const result = await instantiate.apply(WebAssembly, args);
      const { exports } = result.instance ?? result;
      if (Object.keys(exports).some((name) => name.startsWith("edgenode_"))) window.nodeMemory = exports.memory;
      return result;
    };
  }
  window.overwriteNode = () => {
    const memory = new Uint8Array(window.nodeMemory.buffer);
    memory.fill(0xff, 1024);
    return memory.length;
  };
`;

function script(route, body) {
  return route.fulfill({ contentType: "text/javascript", body });
}
