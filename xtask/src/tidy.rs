//! `cargo xtask tidy`: what a reviewer should not have to look for.

mod arrows;
mod licences;
mod text;

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{
    process::{cargo, for_browser, watch},
    report::step,
    tools,
    workspace::Workspace,
};

/// Runs every check; the quick ones first.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let root = &workspace.root;
    watch("Format", cargo(root, &["fmt", "--all", "--check"]))?;
    step("Links, colours and machine paths in texts", || {
        text::check_links(root)?;
        text::check_colours(root)?;
        text::check_machine_paths(root)
    })?;
    let metadata = metadata(root)?;
    step("Arrows of the map", || arrows::check(&metadata))?;
    step("Licences", || licences::check(&metadata))?;
    without_std(root, &metadata)?;
    clippy(root)?;
    clippy_for_browser(workspace)
}

fn metadata(root: &Path) -> Result<Value> {
    let output = cargo(root, &["metadata", "--format-version", "1", "--locked"]).output()?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// A target without operating system: what touches clocks, files or threads does not compile.
fn without_std(root: &Path, metadata: &Value) -> Result<()> {
    tools::require_target(root, "wasm32v1-none")?;
    let mut check = cargo(root, &["check", "--locked", "--target", "wasm32v1-none"]);
    for package in arrows::without_std(metadata) {
        check.args(["--package", package]);
    }
    watch("Words and cores without std", check)
}

fn clippy(root: &Path) -> Result<()> {
    let mut clippy = cargo(root, &["clippy", "--workspace", "--all-targets", "--locked"]);
    clippy.args(["--", "--deny", "warnings"]);
    watch("Clippy", clippy)
}

/// The second pass, with what compiles for a browser and panics there forbidden.
fn clippy_for_browser(workspace: &Workspace) -> Result<()> {
    let root = &workspace.root;
    tools::require_target(root, "wasm32-unknown-unknown")?;
    // The app's icons come from there.
    tools::require_packages(workspace)?;
    let target = ["clippy", "--target", "wasm32-unknown-unknown", "--locked"];
    let mut clippy = for_browser(cargo(root, &target));
    clippy.args(["--package", "thetab-browser", "--package", "thetab-web", "--", "--deny", "warnings"]);
    clippy.env("CLIPPY_CONF_DIR", root.join("xtask/browser"));
    watch("Clippy for the browser", clippy)
}
