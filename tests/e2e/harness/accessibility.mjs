// What axe-core and a keyboard say about a page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** That axe-core finds no violation in a page or frame. */
export async function expectAccessible(frame, name) {
  // Evaluated through the debugger: the page's own policy allows no foreign script.
  const violations = await frame.evaluate(async (source) => {
    if (!window.axe) (0, eval)(source);
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(({ html, failureSummary }) => ({ html, failureSummary })) }));
  }, AXE);
  assert.deepEqual(violations, [], `axe-core on ${name}`);
}

/** That a page is no wider than its window. */
export async function expectNoHorizontalScroll(page, name) {
  const { content, window } = await page.evaluate(() => ({
    content: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
  }));
  assert.ok(content <= window, `${name} is ${content} px wide in a window of ${window} px`);
}

/** Walks by Tab until `target` has the focus; fails when it comes back to the start. */
export async function expectReachableByKeyboard(page, target, name) {
  const isFocused = () => target.evaluate((element) => element === document.activeElement);
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    if (await isFocused()) return;
  }
  assert.fail(`${name} cannot be reached by keyboard`);
}
