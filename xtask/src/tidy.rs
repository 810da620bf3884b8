//! `cargo xtask tidy`: what a reviewer should not have to look for.

mod arrows;
mod licences;
mod text;

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{
    process::{self, cargo},
    report::step,
    tools,
};

/// Runs every check; the quick ones first.
pub(crate) fn run(root: &Path) -> Result<()> {
    step("Format", || process::run(&mut cargo(root, &["fmt", "--all", "--check"])))?;
    step("Links in the documents, colours in the style sheets", || {
        text::check_links(root)?;
        text::check_colours(root)
    })?;
    let metadata = metadata(root)?;
    step("Arrows of the map", || arrows::check(&metadata))?;
    step("Licences", || licences::check(&metadata))?;
    step("Words and cores without std", || without_std(root))?;
    step("Clippy", || clippy(root))?;
    step("Clippy for the browser", || clippy_for_browser(root))
}

fn metadata(root: &Path) -> Result<Value> {
    let output = cargo(root, &["metadata", "--format-version", "1", "--locked"]).output()?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// A target without operating system: what touches clocks, files or threads does not build.
fn without_std(root: &Path) -> Result<()> {
    tools::require_target(root, "wasm32v1-none")?;
    let mut build = cargo(root, &["build", "--locked", "--quiet", "--target", "wasm32v1-none"]);
    for package in arrows::without_std() {
        build.args(["--package", package]);
    }
    process::run(&mut build)
}

fn clippy(root: &Path) -> Result<()> {
    let everything = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet"];
    process::run(cargo(root, &everything).args(["--", "--deny", "warnings"]))
}

/// The second pass, with what compiles for a browser and panics there forbidden.
fn clippy_for_browser(root: &Path) -> Result<()> {
    let target = ["clippy", "--target", "wasm32-unknown-unknown", "--locked", "--quiet"];
    let packages = ["--package", "thetab-browser", "--package", "thetab-web", "--", "--deny", "warnings"];
    process::run(cargo(root, &target).args(packages).env("CLIPPY_CONF_DIR", root.join("xtask/browser")))
}
