// Where the things under test are.
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const here = resolve(dirname(fileURLToPath(import.meta.url)), "..");
export const root = resolve(here, "../..");

const { THETAB_BIN, THETAB_APP, THETAB_EVIL_PEER, THETAB_CHROMIUM } = process.env;

/** The environment without our variables: the programs under test take settings from their prefix. */
export const withoutOurs = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("THETAB_")),
);

export const settings = {
  thetab: resolve(THETAB_BIN ?? join(root, "target/debug/thetab")),
  app: resolve(THETAB_APP ?? join(root, "dist/app")),
  evilPeer: resolve(THETAB_EVIL_PEER ?? join(root, "target/debug/evil-peer")),
  chromium: THETAB_CHROMIUM ?? "/usr/bin/chromium",
  /** Logs and screenshots. */
  output: join(root, "target/e2e"),

  /** Ends the run at once when something that every story needs is absent. */
  check() {
    for (const [path, remedy] of [
      [settings.thetab, "cargo build -p thetab"],
      [join(settings.app, "player/thetab-player.js"), "cargo xtask wasm"],
      [settings.chromium, "apt-get install chromium, or set THETAB_CHROMIUM"],
    ]) {
      if (existsSync(path)) continue;
      console.error(`${path} is missing: ${remedy}`);
      process.exit(2);
    }
  },
};
