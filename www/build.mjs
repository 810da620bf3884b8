// Bundles the player, the embed page, the widget and their types: `node www/build.mjs OUTPUT_FOLDER`.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);

/** The embed page loads the player that is served beside it, instead of carrying a second copy. */
const playerBeside = {
  name: "player-beside",
  setup({ onResolve }) {
    onResolve({ filter: /player\/index\.js$/ }, () => ({ path: "./thetab-player.js", external: true }));
  },
};

async function bundle(out) {
  const common = {
    outdir: out,
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    sourcemap: "linked",
    logLevel: "warning",
  };
  const player = { "thetab-player": join(here, "player/index.ts") };
  await build({ ...common, entryPoints: player, splitting: true, chunkNames: "chunks/[name]-[hash]" });
  const pages = { embed: join(here, "embed/embed.ts"), widget: join(here, "widget/widget.ts") };
  await build({ ...common, entryPoints: pages, plugins: [playerBeside] });
}

function copyPages(out) {
  cpSync(require.resolve("hls.js/dist/hls.worker.js"), join(out, "hls.worker.js"));
  for (const page of ["embed.html", "embed.css", "embedding.html", "embedding.css"]) {
    cpSync(join(here, "embed", page), join(out, page));
  }
}

function writeTypes(out) {
  const compiler = join(dirname(require.resolve("typescript/package.json")), "bin/tsc");
  const options = ["-p", here, "--noEmit", "false", "--declaration", "--emitDeclarationOnly"];
  const folders = ["--rootDir", here, "--outDir", join(out, "types")];
  const { status } = spawnSync(process.execPath, [compiler, ...options, ...folders], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(join(out, "thetab-player.d.ts"), 'export * from "./types/player/index.js";\n');
}

const [output] = process.argv.slice(2);
if (!output) {
  console.error("usage: node www/build.mjs OUTPUT_FOLDER");
  process.exit(2);
}
const out = resolve(output);
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await bundle(out);
copyPages(out);
writeTypes(out);
