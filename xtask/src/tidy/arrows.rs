//! The arrows of the code map: a crate depends only on crates above it.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Words and cores from top to bottom: they touch nothing.
const WITHOUT_STD: [&str; 7] = [
    "thetab-sansio",
    "thetab-types",
    "thetab-trie",
    "thetab-wire",
    "thetab-light",
    "thetab-swarm",
    "thetab-node",
];
/// Hosts, below them.
const HOSTS: [&str; 5] = ["thetab-browser", "thetab-native", "thetab-relay", "thetab", "thetab-web"];
/// Beside the map: may use everything, used by nothing but tests.
const ASIDE: [&str; 5] = ["thetab-sim", "thetab-vectors", "thetab-fuzz", "evil-peer", "xtask"];

/// The crates of the workspace that must build without a standard library.
pub(super) fn without_std(metadata: &Value) -> impl Iterator<Item = &'static str> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let names: Vec<&str> = packages.filter_map(|package| package["name"].as_str()).collect();
    WITHOUT_STD.into_iter().filter(move |name| names.contains(name))
}

/// Where a crate stands on the map; beside it is below everything.
fn row(name: &str) -> Option<usize> {
    let map = WITHOUT_STD.iter().chain(&HOSTS);
    let aside = WITHOUT_STD.len() + HOSTS.len();
    map.clone().position(|known| *known == name).or_else(|| ASIDE.contains(&name).then_some(aside))
}

/// Checks every member of the workspace in the output of `cargo metadata`.
pub(super) fn check(metadata: &Value) -> Result<()> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    for package in packages.iter().filter(|package| package["source"].is_null()) {
        let name = package["name"].as_str().context("a package has no name")?;
        let own =
            row(name).with_context(|| format!("{name} has no place on the map (xtask tidy/arrows.rs)"))?;
        let dependencies = package["dependencies"].as_array().context("a package lists no dependencies")?;
        for dependency in dependencies.iter().filter(|dependency| dependency["kind"] != "dev") {
            let needed = dependency["name"].as_str().unwrap_or_default();
            let Some(needed_row) = row(needed).filter(|_| !dependency["path"].is_null()) else { continue };
            let aside = ASIDE.contains(&needed);
            let is_above = if aside { ASIDE.contains(&name) } else { needed_row < own };
            ensure!(is_above, "{name} depends on {needed}, which does not stand above it on the map");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn depends(name: &str, on: &str, kind: &str) -> Value {
        let kind = if kind == "normal" { Value::Null } else { kind.into() };
        json!({ "packages": [
            { "name": name, "source": null, "dependencies": [{ "name": on, "kind": kind, "path": "somewhere" }] }
        ] })
    }

    #[test]
    fn an_arrow_that_points_down_is_refused() {
        check(&depends("thetab-node", "thetab-swarm", "normal")).unwrap();
        check(&depends("thetab-swarm", "thetab-sim", "dev")).unwrap();
        check(&depends("evil-peer", "thetab-native", "normal")).unwrap();
        let error = check(&depends("thetab-swarm", "thetab-node", "normal")).unwrap_err();
        assert!(error.to_string().contains("thetab-swarm depends on thetab-node"), "{error}");
        check(&depends("thetab-node", "thetab-relay", "normal")).unwrap_err();
        check(&depends("thetab-relay", "thetab-sim", "normal")).unwrap_err();
    }

    #[test]
    fn a_crate_that_is_not_on_the_map_is_refused() {
        check(&depends("thetab-utils", "serde", "normal")).unwrap_err();
    }
}
