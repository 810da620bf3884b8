import assert from "node:assert/strict";
import { test } from "node:test";

import { Layout } from "../player/layout.js";

const layout = new Layout("https://relay.example/media/sample/");

test("media and initialisation segments are named by their URL", () => {
  assert.deepEqual(layout.segmentAt("https://relay.example/media/sample/r1/42.m4s"), {
    rendition: 1,
    kind: "media",
    sequence: 42,
  });
  assert.deepEqual(layout.segmentAt("https://relay.example/media/sample/r0/init.mp4?v=2"), {
    rendition: 0,
    kind: "init",
    sequence: 0,
  });
});

test("whatever lies outside the layout is not the node's business", () => {
  for (const url of [
    "https://relay.example/media/other/r1/42.m4s",
    "https://elsewhere.example/media/sample/r1/42.m4s",
    "https://relay.example/media/sample/r1/index.m3u8",
    "https://relay.example/media/sample/r65536/1.m4s",
    "https://relay.example/media/sample/r1/x/1.m4s",
  ]) {
    assert.equal(layout.segmentAt(url), null, url);
  }
});

test("a media playlist belongs to a rendition", () => {
  assert.equal(layout.renditionAt("https://relay.example/media/sample/r2/index.m3u8"), 2);
  assert.equal(layout.renditionAt("/media/sample/master.m3u8"), null);
  assert.equal(layout.renditionAt(undefined), null);
});
