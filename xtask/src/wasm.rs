//! Builds what a browser loads: the app's shell, the player and the node, into `dist/app`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use walkdir::WalkDir;
use wasmparser::{Parser, Payload};

use crate::{
    process::{cargo, command, run},
    report::{say, step},
    stamp::Stamp,
    tools,
};

/// What the relay serves, from the repository's root.
pub(crate) const APP: &str = "dist/app";
const SHELL: &str = "dist/shell";
const PLAYER: &str = "dist/player";
const NODE: &str = "dist/node";
const NODE_WASM: &str = "target/wasm32-unknown-unknown/wasm-release/thetab_browser.wasm";
/// Whatever these hold may change the wasm.
const RUST: [&str; 5] = ["Cargo.toml", "Cargo.lock", ".cargo", "rust-toolchain.toml", "crates"];

const KIB: u64 = 1024;

/// A part of what visitors download, and the most that it may weigh compressed.
struct Budget {
    name: &'static str,
    folder: &'static str,
    files: fn(&Path) -> bool,
    limit_bytes: u64,
}

const BUDGETS: [Budget; 3] = [
    Budget { name: "app shell", folder: SHELL, files: is_code, limit_bytes: 200 * KIB },
    Budget { name: "node", folder: NODE, files: is_code, limit_bytes: 700 * KIB },
    Budget { name: "embed loader", folder: PLAYER, files: is_embed_loader, limit_bytes: 12 * KIB },
];

/// Builds what changed, checks it, and puts it together.
pub(crate) fn build(root: &Path) -> Result<()> {
    tools::require_web_tools(root)?;
    let parts = [node(root)?, player(root)?, shell(root)?];
    if parts.contains(&true) || !root.join(APP).join("index.html").is_file() {
        assemble(root)?;
    }
    Ok(())
}

/// Builds, then prints what it weighs.
pub(crate) fn build_and_weigh(root: &Path) -> Result<()> {
    build(root)?;
    weigh(root)
}

fn node(root: &Path) -> Result<bool> {
    let stamp = Stamp::new(root, "node", &RUST)?;
    let folder = root.join(NODE);
    if stamp.holds(&folder) {
        return Ok(false);
    }
    step("Building the node for the browser (about 3 min the first time)", || {
        let package = ["--package", "thetab-browser", "--locked"];
        let profile = ["--profile", "wasm-release", "--target", "wasm32-unknown-unknown"];
        run(cargo(root, &["build"]).args(package).args(profile))?;
        let bindgen = ["--target", "web", "--out-dir", NODE, NODE_WASM];
        run(&mut command(root, "wasm-bindgen", &bindgen))?;
        let wasm = format!("{NODE}/thetab_browser_bg.wasm");
        run(&mut command(root, "wasm-opt", &["-O3", "--all-features", "-o", &wasm, &wasm]))?;
        check_imports(&root.join(&wasm))
    })?;
    stamp.set()?;
    Ok(true)
}

fn player(root: &Path) -> Result<bool> {
    let stamp = Stamp::new(root, "player", &["www", "package-lock.json"])?;
    if stamp.holds(&root.join(PLAYER)) {
        return Ok(false);
    }
    step("Bundling the player", || run(&mut command(root, "node", &["www/build.mjs", PLAYER])))?;
    stamp.set()?;
    Ok(true)
}

fn shell(root: &Path) -> Result<bool> {
    let inputs = ["web", "Trunk.toml", "package-lock.json", "Cargo.toml", "Cargo.lock", ".cargo"];
    let stamp = Stamp::new(root, "shell", &inputs)?;
    if stamp.holds(&root.join(SHELL).join("index.html")) {
        return Ok(false);
    }
    step("Building the app's shell (about 2 min the first time)", || {
        run(&mut command(root, "trunk", &["build", "--offline", "--locked", "--log", "warn"]))
    })?;
    stamp.set()?;
    Ok(true)
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
fn assemble(root: &Path) -> Result<()> {
    let app = root.join(APP);
    if app.exists() {
        fs::remove_dir_all(&app).with_context(|| format!("cannot clear {}", app.display()))?;
    }
    for (from, to) in [(SHELL, ""), (PLAYER, "player"), (NODE, "node")] {
        copy_folder(&root.join(from), &app.join(to))?;
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
    for Budget { name, folder, files, limit_bytes } in BUDGETS {
        let mut size_bytes = 0;
        for file in files_of(&root.join(folder), files)? {
            size_bytes += brotli_size(&fs::read(&file)?)?;
        }
        ensure!(size_bytes > 0, "{folder} holds nothing of the {name}");
        say(&format!("{name}: {} KiB of {} KiB, brotli", size_bytes.div_ceil(KIB), limit_bytes / KIB));
        if size_bytes > limit_bytes {
            heavy.push(name);
        }
    }
    ensure!(heavy.is_empty(), "over budget: {}", heavy.join(", "));
    Ok(())
}

fn files_of(folder: &Path, wanted: fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
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

fn brotli_size(bytes: &[u8]) -> Result<u64> {
    let parameters = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut compressed, &parameters)?;
    Ok(compressed.len() as u64)
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
