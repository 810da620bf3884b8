import assert from "node:assert/strict";
import { test } from "node:test";

import { parseStreamAddress } from "../widget/stream-url.js";
import { fill, wordsFor } from "../widget/words.js";

const HOME = "https://relay.example/player/widget.js";

test("the addresses that publishing prints, and bare names, are streams", () => {
  const film = { relay: "https://relay.example", name: "my-film" };
  assert.deepEqual(parseStreamAddress("my-film", HOME), film);
  assert.deepEqual(parseStreamAddress("https://relay.example/watch/my-film", HOME), film);
  assert.deepEqual(parseStreamAddress(" https://relay.example/embed/my-film/ ", HOME), film);
  assert.deepEqual(parseStreamAddress("http://localhost:8080/watch/a", HOME), {
    relay: "http://localhost:8080",
    name: "a",
  });
});

test("anything else is not", () => {
  for (const src of [
    "",
    "My Film",
    "../../etc",
    "javascript:alert(1)",
    "https://relay.example/",
    "https://relay.example/watch/",
    "https://relay.example/watch/a/b",
    "https://relay.example/media/my-film/master.m3u8",
    "https://relay.example/watch/%2e%2e",
    "a".repeat(65),
  ]) {
    assert.equal(parseStreamAddress(src, HOME), null, src);
  }
});

test("the widget speaks the page's language, then the visitor's, then English", () => {
  assert.equal(wordsFor(["de-AT", "en"]).yes, "Teilen");
  assert.equal(wordsFor(["fi", "es"]).yes, "Compartir");
  assert.equal(wordsFor(["fi"]).yes, "Share");
  assert.equal(fill("Up to {cap}, {unknown}", { cap: 2 }), "Up to 2, {unknown}");
});
