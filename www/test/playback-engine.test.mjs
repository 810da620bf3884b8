import assert from "node:assert/strict";
import { test } from "node:test";

import { HlsEngine } from "../player/playback-engine.js";

globalThis.location = { origin: "null", href: "http://page.example/" };
globalThis.HTMLMediaElement = { HAVE_FUTURE_DATA: 3 };

const LOAD_ERROR = { type: "networkError", details: "fragLoadError", fatal: false };
const STALL = { type: "mediaError", details: "bufferStalledError", fatal: false };

/** An engine on a stand-in for hls.js: `fail` and `load` are what hls.js reports, `said` is what the page hears. */
function engine(video) {
  const said = [];
  const handlers = new Map();
  class Library {
    static Events = { ERROR: "error", FRAG_BUFFERED: "buffered" };
    on = (event, handler) => handlers.set(event, handler);
    loadSource() {}
    attachMedia() {}
  }
  const stream = { playlist: "/media/s/master.m3u8", live: false };
  const events = { error: (error) => said.push(error && error.code) };
  new HlsEngine(Library, video, stream, { layout: null }, events);
  const fail = (problem = LOAD_ERROR) => handlers.get("error")("error", problem);
  return { said, fail, load: () => handlers.get("buffered")() };
}

test("while the video plays, a single failure is not worth a word, and three in a row are", () => {
  const { said, fail, load } = engine({ readyState: 4 });
  fail();
  fail();
  load();
  fail();
  fail();
  assert.deepEqual(said, []);
  fail();
  fail();
  assert.deepEqual(said, ["network"]);
  load();
  assert.deepEqual(said, ["network", null]);
});

test("a video that stands still for want of the server says so at once", () => {
  const waiting = engine({ readyState: 2 });
  waiting.fail();
  assert.deepEqual(waiting.said, ["network"]);
  const stalling = engine({ readyState: 4 });
  stalling.fail();
  stalling.fail(STALL);
  assert.deepEqual(stalling.said, ["network"]);
});

test("a stall without a failure is no word about the server", () => {
  const { said, fail } = engine({ readyState: 2 });
  fail(STALL);
  assert.deepEqual(said, []);
});
