//! Builds what a browser loads: the app's shell, the player and the node, into `dist/app`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use walkdir::WalkDir;
use wasmparser::{Parser, Payload};

use crate::{
    process::{cargo, command, for_browser, watch},
    stamp::Stamp,
    tools,
    workspace::Workspace,
};

/// What the relay serves, from the repository's root.
pub(crate) const APP: &str = "dist/app";
const SHELL: &str = "dist/shell";
const PLAYER: &str = "dist/player";
const NODE: &str = "dist/node";
/// Whatever these hold may change the module of the node.
const RUST: [&str; 6] =
    ["Cargo.toml", "Cargo.lock", ".cargo", "rust-toolchain.toml", "crates", "xtask/src/wasm.rs"];

/// What rustc emits and every browser of the last years runs. wasm-opt is told, because stripping takes the module's own
/// list away; with more it would write what browsers refuse, such as compact imports.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

const KIB: u64 = 1024;

/// A part of what visitors download, and the most that it may weigh compressed.
struct Part {
    name: &'static str,
    folder: &'static str,
    files: fn(&Path) -> bool,
    limit_bytes: Option<u64>,
}

const PARTS: [Part; 4] = [
    Part { name: "app shell", folder: SHELL, files: is_code, limit_bytes: Some(200 * KIB) },
    Part { name: "node", folder: NODE, files: is_code, limit_bytes: Some(700 * KIB) },
    Part { name: "embed loader", folder: PLAYER, files: is_embed_loader, limit_bytes: Some(12 * KIB) },
    Part { name: "player with hls.js", folder: PLAYER, files: is_player, limit_bytes: None },
];

/// Builds what changed, checks it, and puts it together.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    tools::require_web_tools(workspace)?;
    node(workspace)?;
    player(workspace)?;
    shell(workspace)?;
    assemble(workspace)
}

/// Builds, then prints what it weighs.
pub(crate) fn build_and_weigh(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    weigh(&workspace.root)
}

fn node(workspace: &Workspace) -> Result<()> {
    let sources = Stamp::new(workspace, "node-sources", &RUST)?;
    let folder = workspace.root.join(NODE);
    if sources.holds(&folder) {
        return Ok(());
    }
    let package = ["build", "--package", "thetab-browser", "--locked"];
    let profile = ["--profile", "wasm-release", "--target", "wasm32-unknown-unknown"];
    let mut compile = for_browser(cargo(&workspace.root, &package));
    compile.args(profile);
    watch("Compiling the node for the browser", compile)?;
    // Most changes under `crates` are not the node's.
    let module = workspace.target.join("wasm32-unknown-unknown/wasm-release/thetab_browser.wasm");
    let compiled = Stamp::new(workspace, "node", &[&module, Path::new("xtask/src/wasm.rs")])?;
    if !compiled.holds(&folder) {
        finish_node(&workspace.root, &module)?;
        compiled.set()?;
    }
    sources.set()
}

/// From what rustc makes to what a page imports.
fn finish_node(root: &Path, module: &Path) -> Result<()> {
    let folder = root.join(NODE);
    clear(&folder)?;
    let mut bind = command(root, "wasm-bindgen", &["--target", "web", "--out-dir", NODE]);
    bind.arg(module);
    watch("Binding the node to JavaScript", bind)?;
    let wasm = folder.join("thetab_browser_bg.wasm");
    // rustc has optimised it; more than -O1 takes four times as long here, and the result compresses worse.
    let mut shrink = command(root, "wasm-opt", &["-O1"]);
    shrink.args(FEATURES).arg("-o").args([&wasm, &wasm]);
    watch("Shrinking the node", shrink)?;
    check_imports(&wasm)
}

fn player(workspace: &Workspace) -> Result<()> {
    let stamp = Stamp::new(workspace, "player", &["www", "package-lock.json"])?;
    if stamp.holds(&workspace.root.join(PLAYER)) {
        return Ok(());
    }
    watch("Bundling the player", command(&workspace.root, "node", &["www/build.mjs", PLAYER]))?;
    stamp.set()
}

fn shell(workspace: &Workspace) -> Result<()> {
    let inputs = [
        "web",
        "Trunk.toml",
        "package-lock.json",
        "Cargo.toml",
        "Cargo.lock",
        ".cargo",
        "rust-toolchain.toml",
    ];
    let stamp = Stamp::new(workspace, "shell", &inputs)?;
    if stamp.holds(&workspace.root.join(SHELL).join("index.html")) {
        return Ok(());
    }
    // Trunk keeps cargo offline, too.
    let fetch = ["fetch", "--locked", "--target", "wasm32-unknown-unknown"];
    watch("Fetching the crates of the app", cargo(&workspace.root, &fetch))?;
    let trunk = ["build", "--offline", "--locked", "--log", "warn"];
    watch("Building the app's shell", for_browser(command(&workspace.root, "trunk", &trunk)))?;
    stamp.set()
}

/// Native code that crept in shows as an import that no browser has.
fn check_imports(wasm: &Path) -> Result<()> {
    let bytes = fs::read(wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
    for payload in Parser::new(0).parse_all(&bytes) {
        let Payload::ImportSection(imports) = payload? else { continue };
        for import in imports {
            let import = import?;
            if import.module == "env" {
                bail!("{} imports `env.{}`: native code crept in", wasm.display(), import.name);
            }
        }
    }
    Ok(())
}

/// Puts the parts where the relay serves them from.
fn assemble(workspace: &Workspace) -> Result<()> {
    let app = workspace.root.join(APP);
    let stamp = Stamp::new(workspace, "app", &[SHELL, PLAYER, NODE, "xtask/src/wasm.rs"])?;
    if stamp.holds(&app) {
        return Ok(());
    }
    clear(&app)?;
    for (from, to) in [(SHELL, ""), (PLAYER, "player"), (NODE, "node")] {
        copy_folder(&workspace.root.join(from), &app.join(to))?;
    }
    compress(&workspace.root, &app)?;
    stamp.set()
}

/// Puts a `.br` and a `.gz` beside each file that the relay serves as it is: once here, not at every request.
fn compress(root: &Path, app: &Path) -> Result<()> {
    let is_served_as_it_is =
        |file: &Path| is_code(file) && file.extension().is_none_or(|name| name != "html");
    let files = files_of(app, is_served_as_it_is)?;
    let script = "const { brotliCompressSync, gzipSync } = require('zlib'), { readFileSync, writeFileSync } = require('fs');\
                  for (const file of process.argv.slice(1)) { const bytes = readFileSync(file);\
                  writeFileSync(file + '.br', brotliCompressSync(bytes));\
                  writeFileSync(file + '.gz', gzipSync(bytes, { level: 9 })); }";
    let mut write = command(root, "node", &["-e", script]);
    write.args(files);
    watch("Compressing what browsers load", write)
}

/// Takes the folder away, so that nothing of an earlier build stays in it.
fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot clear {}", folder.display()))?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry.with_context(|| format!("cannot read {}", from.display()))?;
        let target = to.join(entry.path().strip_prefix(from)?);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    Ok(())
}

/// Prints each part's compressed size, and fails over budget.
fn weigh(root: &Path) -> Result<()> {
    let mut heavy = Vec::new();
    for Part { name, folder, files, limit_bytes } in PARTS {
        let files = files_of(&root.join(folder), files)?;
        ensure!(!files.is_empty(), "{folder} holds nothing of the {name}");
        let size_bytes = brotli_size(root, &files)?;
        let limit = limit_bytes.map_or_else(String::new, |limit| format!("of {:>4} KiB", limit / KIB));
        eprintln!("    {name:<20} {:>4} KiB brotli {limit}", size_bytes.div_ceil(KIB));
        if limit_bytes.is_some_and(|limit| size_bytes > limit) {
            heavy.push(name);
        }
    }
    ensure!(heavy.is_empty(), "over budget: {}", heavy.join(", "));
    Ok(())
}

fn files_of(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(folder) {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        if entry.file_type().is_file() && wanted(entry.path()) {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

/// Fonts and pictures are counted apart: they are compressed already, and come after the first paint.
fn is_code(file: &Path) -> bool {
    let extension = file.extension().unwrap_or_default();
    ["html", "js", "css", "wasm"].iter().any(|code| extension == *code)
}

fn is_embed_loader(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == "widget.js")
}

/// What a watch page loads of the player; the embed page and the widget have their own.
fn is_player(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default();
    let is_own = name == "thetab-player.js" || name == "hls.worker.js";
    is_own || is_code(file) && file.parent().is_some_and(|folder| folder.ends_with("chunks"))
}

/// What the files weigh compressed each by itself, as strongly as brotli can. Node has it built in.
fn brotli_size(root: &Path, files: &[PathBuf]) -> Result<u64> {
    let script = "const { brotliCompressSync } = require('zlib'), { readFileSync } = require('fs');\
                  console.log(process.argv.slice(1).reduce((sum, file) => \
                  sum + brotliCompressSync(readFileSync(file)).length, 0))";
    let mut weigh = command(root, "node", &["-e", script]);
    let output = weigh.args(files).output().context("node cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("node: {}", String::from_utf8_lossy(&output.stderr)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_imports_native_code_is_refused() {
        // (module (import "env" "read" (func)))
        let native = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x0c\x01\x03env\x04read\0\0";
        // (module (import "wbg" "read" (func)))
        let browser = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x0c\x01\x03wbg\x04read\0\0";
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), native).unwrap();
        let error = check_imports(file.path()).unwrap_err();
        assert!(error.to_string().contains("env.read"), "{error}");
        fs::write(file.path(), browser).unwrap();
        check_imports(file.path()).unwrap();
    }
}
