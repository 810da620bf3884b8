import assert from "node:assert/strict";
import { test } from "node:test";

import { bufferGoalSeconds } from "../player/buffer-goal.js";

const joining = {
  node: "connecting",
  sharing: { chosen: "share", effective: "share", reason: "ok", uploadCapBps: 1 },
  peers: 0,
  viewers: 3,
};

test("little is fetched ahead while peers are being found, and beside peers the node keeps the rest", () => {
  assert.equal(bufferGoalSeconds(joining, false, 2_000), 10);
  assert.equal(bufferGoalSeconds({ ...joining, peers: 1 }, false, 2_000), 20);
  assert.equal(bufferGoalSeconds({ ...joining, peers: 1 }, true, 2_000), 20);
});

test("peers that do not come, cannot come or are not wanted are not waited for", () => {
  const off = { ...joining.sharing, chosen: "off" };
  const few = { ...joining.sharing, reason: "few-viewers" };
  assert.equal(bufferGoalSeconds(joining, false, 10_000), 30);
  assert.equal(bufferGoalSeconds({ ...joining, sharing: off }, false, 0), 30);
  assert.equal(bufferGoalSeconds({ ...joining, sharing: few }, false, 0), 30);
  assert.equal(bufferGoalSeconds({ ...joining, node: "failed" }, false, 0), 30);
  assert.equal(bufferGoalSeconds({ ...joining, node: "ready", viewers: 1 }, false, 0), 30);
});

test("a visitor who has not answered may still say yes, and one who said no will not", () => {
  const unanswered = { ...joining.sharing, chosen: "off", reason: "no-consent" };
  const waiting = { ...joining, node: "loading", sharing: unanswered };
  assert.equal(bufferGoalSeconds(waiting, false, 2_000), 10);
  assert.equal(bufferGoalSeconds(waiting, false, 10_000), 30);
  assert.equal(bufferGoalSeconds({ ...waiting, viewers: 0 }, false, 2_000), 30);
  assert.equal(bufferGoalSeconds({ ...waiting, sharing: { ...unanswered, reason: "off" } }, false, 2_000), 30);
});
