// Runs the visitors' stories in a real browser: `node tests/e2e/run.mjs [--jobs N] [STORY…]`.
//
// Environment: THETAB_BIN (the thetab binary), THETAB_APP (the built app), THETAB_EVIL_PEER (the tampering peer),
// THETAB_CHROMIUM. Logs and screenshots of each story are left in target/e2e/<story>/.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { here, settings } from "./harness/settings.mjs";
import { tell } from "./harness/story.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { jobs: { type: "string", default: "1" }, list: { type: "boolean", default: false } },
});
const all = readdirSync(join(here, "stories"))
  .filter((file) => file.endsWith(".mjs"))
  .map((file) => file.slice(0, -".mjs".length))
  .sort();
const unknown = positionals.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`no such story: ${unknown.join(", ")}; there are: ${all.join(", ")}`);
  process.exit(2);
}
if (values.list) {
  console.log(all.join("\n"));
  process.exit(0);
}
settings.check();
const waiting = positionals.length > 0 ? [...positionals] : await longestFirst(all);
const failed = [];
let passed = 0;

async function work() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const { error, seconds, facts } = await tell(name);
    if (error) failed.push(name);
    else passed += 1;
    console.log(`${error ? "FAILED" : "ok    "} ${name}  ${seconds.toFixed(1)} s`);
    for (const fact of facts) console.log(`         ${fact}`);
    if (error) console.log(indented(error));
  }
}

/** With several jobs, the long stories should not come last. */
async function longestFirst(names) {
  const limits = new Map();
  for (const name of names) limits.set(name, (await import(`./stories/${name}.mjs`)).seconds);
  return names.toSorted((a, b) => limits.get(b) - limits.get(a));
}

function indented(error) {
  const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  return text.replace(/^/gm, "         ");
}

const jobs = Math.max(1, Number(values.jobs) || 1);
await Promise.all(Array.from({ length: jobs }, work));
if (failed.length > 0) console.log(`failed: ${failed.join(", ")}; see target/e2e/<story>/`);
console.log(`${passed} passed, ${failed.length} failed`);
process.exit(failed.length > 0 ? 1 : 0);
