//! Where things are: the repository's root, and where cargo puts what it builds.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::process::cargo;

/// The folders that every command works in.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The repository's root, wherever the command was typed.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, which `CARGO_TARGET_DIR` or a configuration file may put elsewhere.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn find() -> Result<Workspace> {
        let root = root();
        let asked = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
        let output = cargo(&root, &asked).output().context("cargo cannot be started")?;
        let metadata: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()))?;
        let target = metadata["target_directory"].as_str().context("cargo names no target folder")?;
        Ok(Workspace { target: target.into(), root })
    }

    /// A program of a development build.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }
}

/// The repository's root. A moved checkout is found too: cargo sets the variable anew when it runs us.
pub(crate) fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    package.parent().map(Path::to_path_buf).expect("xtask lies in the repository")
}
