//! What the commands need from outside, and how it gets there.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    process::{cargo, command, output, search_path, watch},
    workspace::Workspace,
};

const TRUNK: Tool = Tool {
    package: "trunk",
    program: "trunk",
    version: "0.21.14",
    minutes: 8,
    purpose: "builds the app's shell",
};
/// Must match the crate (ARCHITECTURE.md, "The wasm-bindgen pin").
const WASM_BINDGEN: Tool = Tool {
    package: "wasm-bindgen-cli",
    program: "wasm-bindgen",
    version: "0.2.108",
    minutes: 3,
    purpose: "makes JavaScript modules of wasm",
};

const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A program that cargo installs.
#[derive(Clone, Copy, Debug)]
struct Tool {
    package: &'static str,
    program: &'static str,
    version: &'static str,
    minutes: u32,
    purpose: &'static str,
}

/// Everything that the web app's build takes.
pub(crate) fn require_web_tools(workspace: &Workspace) -> Result<()> {
    require_packages(workspace)?;
    require_target(&workspace.root, "wasm32-unknown-unknown")?;
    require_tool(workspace, WASM_BINDGEN)?;
    require_tool(workspace, TRUNK)
}

/// A compilation target of the toolchain.
pub(crate) fn require_target(root: &Path, target: &str) -> Result<()> {
    let sysroot = output("rustc", &["--print", "sysroot"]).context("rustc does not run")?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(target).is_dir() {
        return Ok(());
    }
    ensure!(
        output("rustup", &["--version"]).is_some(),
        "this Rust cannot compile for {target}, and there is no rustup to add that; see https://rustup.rs"
    );
    watch(
        &format!("Adding the Rust target {target}, which the browser's code is compiled for"),
        command(root, "rustup", &["target", "add", target]),
    )
}

/// Installs the tool in its exact version, apart from whatever version there is already.
fn require_tool(workspace: &Workspace, tool: Tool) -> Result<()> {
    let Tool { package, program, version, minutes, purpose } = tool;
    let there = version_of(program);
    if there.as_deref() == Some(version) {
        return Ok(());
    }
    let folder = tool_folder()?;
    let mut install =
        cargo(&workspace.root, &["install", "--locked", "--version", version, package, "--root"]);
    install.arg(&folder);
    // In the temporary folder of cargo's choice: half of the tools' crates would be compiled anew for us otherwise.
    install.env_remove("CARGO_TARGET_DIR");
    let instead = there.map_or_else(String::new, |there| format!(" beside the {there} that is there"));
    watch(
        &format!(
            "Installing {package} {version}{instead}, which {purpose}, into {} (about {minutes} min on two cores)",
            folder.display()
        ),
        install,
    )?;
    ensure!(
        version_of(program).as_deref() == Some(version),
        "{program} was installed and still does not say {version}"
    );
    Ok(())
}

/// What a program that says `name 1.2.3` calls its version.
fn version_of(program: &str) -> Option<String> {
    output(find(program)?, &["--version"])?.split_whitespace().nth(1).map(str::to_owned)
}

/// Our own place for tools, so that other versions elsewhere stay as they are.
fn tool_folder() -> Result<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    Ok(cache.context("neither XDG_CACHE_HOME nor HOME is set")?.join("thetab/tools"))
}

/// The npm packages of `package-lock.json`.
pub(crate) fn require_packages(workspace: &Workspace) -> Result<()> {
    let node = output("node", &["--version"]).unwrap_or_else(|| "none".to_owned());
    ensure!(
        is_node_20(&node),
        "Node 20 or newer is needed and {} is there; see https://nodejs.org/en/download",
        node.trim()
    );
    let modified =
        |path: &str| fs::metadata(workspace.root.join(path)).and_then(|found| found.modified()).ok();
    let installed = modified("node_modules/.package-lock.json");
    if installed.is_some() && installed >= modified("package-lock.json") {
        return Ok(());
    }
    watch(
        "Fetching the npm packages that bundle the player and shrink wasm (npm ci)",
        command(&workspace.root, "npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"]),
    )
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

/// Whether ffmpeg is there; nothing is installed.
pub(crate) fn has_ffmpeg() -> bool {
    output("ffmpeg", &["-version"]).is_some()
}

/// ffmpeg, from the system's packages where that is possible.
pub(crate) fn require_ffmpeg() -> Result<()> {
    if !has_ffmpeg() {
        install_from_system("ffmpeg")?;
    }
    Ok(())
}

/// Where Chromium is; from the system's packages where that is possible.
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

/// Installs a Debian package when this is Debian and we are root; says what to type otherwise.
fn install_from_system(package: &str) -> Result<()> {
    let is_root = nix::unistd::geteuid().is_root();
    if find("apt-get").is_none() || !is_root {
        bail!("no {package} here; on Debian: sudo apt-get install --no-install-recommends {package}");
    }
    let here = Path::new(".");
    watch("Asking the system for its newest packages", command(here, "apt-get", &["update", "-qq"]))?;
    let mut install = command(here, "apt-get", &["install", "-y", "-qq", "--no-install-recommends", package]);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    watch(&format!("Installing {package} from the system's packages, for the tests"), install)
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
