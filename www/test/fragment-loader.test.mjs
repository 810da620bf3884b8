import assert from "node:assert/strict";
import { test } from "node:test";

import { fragmentLoader } from "../player/fragment-loader.js";
import { HttpRate } from "../player/http-rate.js";
import { Layout } from "../player/layout.js";

const URL = "https://relay.example/media/sample/r0/7.m4s";
const SIZE = 500_000;

/** Stands in for hls.js's own loader: answers at once, as if the transfer had taken `transferMs`. */
class PlainLoader {
  stats = {
    aborted: false,
    loaded: 0,
    total: 0,
    loading: { start: 0, first: 0, end: 0 },
  };
  load(context, _config, callbacks) {
    assert.equal(this.stats.loading.start, 0, "hls.js refuses a loader that was used");
    const start = performance.now();
    this.stats.loading = { start, first: start + 20, end: start + 1020 };
    const response = { url: context.url, data: new ArrayBuffer(SIZE), code: 200 };
    callbacks.onSuccess(response, this.stats, context, null);
  }
  abort() {}
  destroy() {}
}

function setUp({ request, state = "running", slackMs = 20_000 }) {
  const seen = { asked: [], abandoned: 0, offered: [], plainBytes: 0, done: [], aborted: 0 };
  const host = {
    layout: new Layout("https://relay.example/media/sample/"),
    rate: new HttpRate(),
    slackMs: () => slackMs,
    plainLoaded: (bytes) => (seen.plainBytes += bytes),
    node: {
      state,
      request(segment, slack) {
        seen.asked.push({ segment, slack });
        return { loaded: request(), abandon: () => (seen.abandoned += 1) };
      },
      offer: (segment, data) => seen.offered.push({ segment, size: data.byteLength }),
    },
  };
  const Loader = fragmentLoader(host);
  const loader = new Loader({ loader: PlainLoader });
  const finished = new Promise((resolve) => {
    const callbacks = {
      onSuccess: (response, stats) => {
        seen.done.push({ size: response.data.byteLength, stats });
        resolve();
      },
      onAbort: () => (seen.aborted += 1),
    };
    seen.load = (context = {}) => loader.load({ url: URL, frag: {}, ...context }, {}, callbacks);
  });
  return { seen, host, loader, finished };
}

const delivery = () =>
  Promise.resolve({ data: new ArrayBuffer(SIZE), peerBytes: SIZE, originBytes: 0, wasStored: true });

test("a segment of the node counts as fast as plain HTTP and no faster", async () => {
  const { seen, host, finished } = setUp({ request: delivery });
  host.rate.add(1_000_000, 1000, 30); // 8 Mbit/s
  seen.load();
  await finished;
  const { start, first, end } = seen.done[0].stats.loading;
  assert.equal(Math.round(end - first), 500);
  assert.equal(Math.round(first - start), 30);
  assert.deepEqual(seen.asked, [{ segment: { rendition: 0, kind: "media", sequence: 7 }, slack: 20_000 }]);
  assert.equal(seen.plainBytes, 0);
});

test("a segment that came too late counts as slow as it was", async () => {
  const late = () => new Promise((resolve) => setTimeout(() => delivery().then(resolve), 120));
  const { seen, host, finished } = setUp({ request: late, slackMs: 0 });
  host.rate.add(100_000_000, 1000);
  seen.load();
  await finished;
  const { start, end } = seen.done[0].stats.loading;
  assert.ok(end - start >= 100, `${end - start} ms`);
});

test("when the node refuses, hls.js's own loader brings the segment and the node is shown it", async () => {
  const { seen, host, finished } = setUp({ request: () => Promise.reject(new Error("plain_http")) });
  seen.load();
  await finished;
  assert.equal(seen.done[0].size, SIZE);
  assert.equal(seen.plainBytes, SIZE);
  assert.deepEqual(seen.offered, [{ segment: { rendition: 0, kind: "media", sequence: 7 }, size: SIZE }]);
  assert.equal(Math.round(host.rate.bitsPerSecond), 4_000_000);
});

test("ranges, and a node that does not run, are left to hls.js", async () => {
  const ranged = setUp({ request: delivery });
  ranged.seen.load({ rangeStart: 0, rangeEnd: 100 });
  await ranged.finished;
  assert.deepEqual(ranged.seen.asked, []);
  const failed = setUp({ request: delivery, state: "failed" });
  failed.seen.load();
  await failed.finished;
  assert.deepEqual(failed.seen.asked, []);
});

test("an aborted load is abandoned once and never answers", async () => {
  const { seen, loader } = setUp({ request: delivery });
  seen.load();
  loader.abort();
  loader.destroy();
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(seen.abandoned, 1);
  assert.equal(seen.aborted, 1);
  assert.deepEqual(seen.done, []);
});
