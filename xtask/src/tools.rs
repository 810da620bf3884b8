//! What the commands need from outside, and how it gets there.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    process::{cargo, command, output, run, search_path},
    report::say,
};

/// Builds the app's shell.
const TRUNK: Tool = Tool { package: "trunk", program: "trunk", version: "0.21.14", minutes: 8 };
/// Makes JavaScript modules of wasm; must match the crate (ARCHITECTURE.md, "The wasm-bindgen pin").
const WASM_BINDGEN: Tool =
    Tool { package: "wasm-bindgen-cli", program: "wasm-bindgen", version: "0.2.108", minutes: 3 };

const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A program that cargo installs.
#[derive(Clone, Copy, Debug)]
struct Tool {
    package: &'static str,
    program: &'static str,
    version: &'static str,
    minutes: u32,
}

/// Everything that the web app's build takes.
pub(crate) fn require_web_tools(root: &Path) -> Result<()> {
    require_target(root, "wasm32-unknown-unknown")?;
    for tool in [WASM_BINDGEN, TRUNK] {
        require_tool(root, tool)?;
    }
    require_packages(root)
}

/// A compilation target of the toolchain.
pub(crate) fn require_target(root: &Path, target: &str) -> Result<()> {
    let Some(installed) = output("rustup", &["target", "list", "--installed"]) else {
        let root = output("rustc", &["--print", "sysroot"]).context("rustc does not run")?;
        let there = Path::new(root.trim()).join("lib/rustlib").join(target).is_dir();
        ensure!(there, "this Rust has no target {target} and no rustup to add it; see https://rustup.rs");
        return Ok(());
    };
    if installed.lines().any(|line| line == target) {
        return Ok(());
    }
    say(&format!("Adding the Rust target {target}, which the browser's code is compiled for"));
    run(&mut command(root, "rustup", &["target", "add", target]))
}

/// Installs the tool in its exact version beside whatever version there is already.
fn require_tool(root: &Path, tool: Tool) -> Result<()> {
    let Tool { package, program, version, minutes } = tool;
    if has_version(program, version) {
        return Ok(());
    }
    let target = tool_folder()?;
    say(&format!(
        "Installing {package} {version} into {} (once, about {minutes} min on two cores)",
        target.display()
    ));
    let mut install =
        cargo(root, &["install", "--locked", "--quiet", "--version", version, package, "--root"]);
    install.arg(&target);
    run(&mut install)?;
    ensure!(has_version(program, version), "{program} was installed and still does not say {version}");
    Ok(())
}

fn has_version(program: &str, version: &str) -> bool {
    let Some(found) = find(program) else { return false };
    output(found, &["--version"]).is_some_and(|said| said.split_whitespace().any(|word| word == version))
}

/// Our own place for tools, so that other versions elsewhere stay as they are.
fn tool_folder() -> Result<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    Ok(cache.context("neither XDG_CACHE_HOME nor HOME is set")?.join("thetab/tools"))
}

/// The npm packages of `package-lock.json`.
pub(crate) fn require_packages(root: &Path) -> Result<()> {
    ensure!(
        output("node", &["--version"]).is_some_and(|version| is_node_20(&version)),
        "Node 20 or newer is missing; see https://nodejs.org"
    );
    let modified = |path: &str| fs::metadata(root.join(path)).and_then(|found| found.modified()).ok();
    let installed = modified("node_modules/.package-lock.json");
    if installed.is_some() && installed >= modified("package-lock.json") {
        return Ok(());
    }
    say("Fetching the npm packages of the player and the app (npm ci)");
    run(&mut command(root, "npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"]))
}

fn is_node_20(version: &str) -> bool {
    let major = version.trim().trim_start_matches('v').split('.').next();
    major.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 20)
}

/// Where programs are looked for: npm's, our own tools, the system's, then cargo's.
pub(crate) fn programs(root: &Path) -> Result<OsString> {
    let system = env::var_os("PATH").unwrap_or_default();
    let own = [root.join("node_modules/.bin"), tool_folder()?.join("bin")];
    let cargo = env::var_os("HOME").map(|home| Path::new(&home).join(".cargo/bin"));
    env::join_paths(own.into_iter().chain(env::split_paths(&system)).chain(cargo))
        .context("a folder's name has a colon in it, which the search path cannot hold")
}

fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Refuses with the command to type when ffmpeg is absent.
pub(crate) fn require_ffmpeg() -> Result<()> {
    if output("ffmpeg", &["-version"]).is_none() {
        install_from_system("ffmpeg")?;
    }
    Ok(())
}

/// Where Chromium is; installs it from the system's packages where that is possible.
pub(crate) fn require_chromium() -> Result<PathBuf> {
    if let Some(chosen) = env::var_os("THETAB_CHROMIUM") {
        return Ok(chosen.into());
    }
    let found = || CHROMIUM.into_iter().find_map(find);
    if let Some(chromium) = found() {
        return Ok(chromium);
    }
    install_from_system("chromium")?;
    found().context("chromium was installed and is still not on the search path")
}

/// Installs a Debian package when this is Debian and we are root.
fn install_from_system(package: &str) -> Result<()> {
    let is_root = nix::unistd::geteuid().is_root();
    if find("apt-get").is_none() || !is_root {
        bail!("{package} is missing; on Debian or Ubuntu: sudo apt-get install {package}");
    }
    say(&format!("Installing {package} from the system's packages, for the tests"));
    let here = Path::new(".");
    run(&mut command(here, "apt-get", &["update", "-qq"]))?;
    let install = ["install", "-y", "-qq", "--no-install-recommends", package];
    run(command(here, "apt-get", &install).env("DEBIAN_FRONTEND", "noninteractive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_20_and_newer_will_do() {
        assert!(is_node_20("v20.20.2\n") && is_node_20("v24.0.0"));
        assert!(!is_node_20("v18.19.0") && !is_node_20("nonsense"));
    }
}
