import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { loadSettings, saveSettings } from "../player/settings.js";

const unanswered = { sharing: null, uploadCapBps: 2_000_000, metered: false };
let stored;

beforeEach(() => {
  stored = new Map();
  globalThis.localStorage = {
    getItem: (key) => stored.get(key) ?? null,
    setItem: (key, value) => stored.set(key, value),
  };
});

test("nothing counts as a yes but a yes", () => {
  assert.deepEqual(loadSettings(), unanswered);
  for (const damaged of ["", "{", "[]", '{"sharing":"yes"}', '{"sharing":true,"uploadCapBps":-1}', "7"]) {
    stored.set("thetab.settings", damaged);
    assert.deepEqual(loadSettings(), unanswered, damaged);
  }
});

test("an answer is remembered", () => {
  const answer = { sharing: "share", uploadCapBps: 500_000, metered: true };
  saveSettings(answer);
  assert.deepEqual(loadSettings(), answer);
});

test("a page that may not store anything still has settings", () => {
  globalThis.localStorage = {
    getItem() {
      throw new Error("denied");
    },
    setItem() {
      throw new Error("denied");
    },
  };
  saveSettings(unanswered);
  assert.deepEqual(loadSettings(), unanswered);
});
