// A stranger's page shows a stream: in a frame, as an element, and with the player in its own script.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";

import { expectAccessible } from "../harness/accessibility.mjs";
import { EmbedPage } from "../harness/pages.mjs";

export const seconds = 90;

export default async function (story) {
  const relay = await story.relay();
  const browser = await story.browser();
  const site = await serveStranger(story, relay.url);
  const frames = [];
  for (const name of ["first", "second"]) frames.push(await openFrame(browser, site, name));
  await expectQuestion(frames[0]);
  for (const { embed } of frames) await embed.yes.click();
  for (const { embed } of frames) await embed.line.getByText("Shared by 2 viewers").waitFor({ timeout: 30_000 });
  const [first, second] = frames;
  await second.frame.waitForFunction(async () => {
    const connections = await window.thetabProbe.connections();
    return connections.some(({ channels }) => channels.some(({ label, received }) => label === "bulk" && received > 0));
  }, null, { timeout: 30_000 });
  await second.tab.screenshot("framed");

  await first.embed.off.click();
  await first.embed.line.getByText("Not sharing").waitFor({ timeout: 5_000 });
  const isClosed = async () => (await window.thetabProbe.connections()).every(({ state }) => state === "closed");
  await first.frame.waitForFunction(isClosed, null, { timeout: 5_000 });

  await expectOwnPlayer(browser, site);
}

/** A page of another origin, in the ways that /player/embedding.html describes. */
async function serveStranger(story, relay) {
  const pages = {
    "/frame": `<iframe src="${relay}/embed/sample" allow="autoplay; fullscreen" width="640" height="360" title="Sample"></iframe>`,
    "/script": `<video id="video" controls playsinline></video><script type="module">
      import { createPlayer } from "${relay}/player/thetab-player.js";
      const apiBase = "${relay}";
      const stream = await (await fetch(apiBase + "/api/v1/streams/sample")).json();
      const video = document.getElementById("video");
      window.player = await createPlayer({ stream, apiBase, video, onError: (error) => console.warn(error.code) });
    </script>`,
  };
  const server = createServer((request, response) => {
    const body = pages[new URL(request.url, "http://stranger").pathname];
    response.writeHead(body ? 200 : 404, { "content-type": "text/html; charset=utf-8" });
    response.end(`<!doctype html><html lang="en"><title>A stranger's page</title><main><h1>News</h1>${body ?? ""}</main></html>`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  story.closing(async () => server.close());
  // The relay is at `localhost`: another site for the browser.
  return `http://127.0.0.1:${server.address().port}`;
}

async function openFrame(browser, site, name) {
  const tab = await browser.tab(name);
  await tab.open(`${site}/frame`);
  const frame = await (await tab.page.waitForSelector("iframe")).contentFrame();
  await frame.waitForLoadState("domcontentloaded");
  await frame.waitForFunction(() => document.querySelector("video")?.readyState >= 2, null, { timeout: 15_000 });
  await frame.evaluate(() => document.querySelector("video").play());
  const embed = new EmbedPage(frame);
  await embed.yes.waitFor({ timeout: 15_000 });
  return { tab, frame, embed };
}

/** The frame asks by itself, with two answers that are equally easy. */
async function expectQuestion({ tab, frame, embed }) {
  const [yes, no] = await Promise.all([embed.yes.boundingBox(), embed.no.boundingBox()]);
  assert.ok(Math.abs(yes.height - no.height) < 1 && Math.abs(yes.width - no.width) < 1, "yes and no differ in size");
  await expectAccessible(frame, "the framed page");
  await tab.screenshot("framed-question");
}

/** The player in the stranger's own script: it plays, loads its node across origins, and shares after a yes. */
async function expectOwnPlayer(browser, site) {
  const tab = await browser.tab("own");
  await tab.open(`${site}/script`);
  await tab.until("the player is there", () => Boolean(window.player));
  await tab.page.evaluate(() => document.querySelector("video").play());
  await tab.untilPlaying();
  await tab.until("the node runs", () => window.player.snapshot().node === "ready", { within: 20 });
  assert.equal(await tab.constructed(), 0, "a connection without a yes");
  await tab.page.evaluate(() => window.player.setSharing("share", 2_000_000));
  await tab.until("it is linked to the framed viewer", () => window.player.snapshot().peers === 1, { within: 30 });
  await tab.until("it takes media from it", () => window.player.snapshot().bytes.fromPeers > 0, { within: 30 });
}
