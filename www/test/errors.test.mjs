import assert from "node:assert/strict";
import { test } from "node:test";

import { classify } from "../player/errors.js";

test("each failure of hls.js has a code that a page can show", () => {
  const network = { type: "networkError", fatal: true };
  assert.equal(classify({ ...network, details: "manifestLoadError", response: { code: 404 } }), "stream_not_found");
  assert.equal(classify({ ...network, details: "manifestLoadError", response: { code: 503 } }), "network");
  assert.equal(classify({ ...network, details: "fragLoadError", response: { code: 404 } }), "network");
  const media = { type: "mediaError", fatal: true };
  assert.equal(classify({ ...media, details: "manifestIncompatibleCodecsError" }), "codec_unsupported");
  assert.equal(classify({ ...media, details: "bufferAppendError" }), "media_error");
});
