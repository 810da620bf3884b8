//! Whether everything we ship may be shipped under our own licences.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Licences that ask for no more than a notice; MPL only of changes to its own files.
const PERMISSIVE: [&str; 15] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Checks every package in the output of `cargo metadata`.
pub(super) fn check(metadata: &Value) -> Result<()> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let mut refused = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let licence = package["license"].as_str().unwrap_or_default();
        // `ring` names its licences in a file: ISC, OpenSSL and MIT, all permissive.
        if !is_permissive(licence) && name != "ring" {
            refused.push(format!("{name} ({licence})"));
        }
    }
    ensure!(refused.is_empty(), "not known to be permissive: {}", refused.join(", "));
    Ok(())
}

/// Whether an SPDX expression leaves a choice that is permissive throughout.
fn is_permissive(expression: &str) -> bool {
    let expression = expression.replace(['(', ')'], "").replace('/', " OR ");
    expression
        .split(" OR ")
        .any(|choice| choice.split(" AND ").all(|licence| PERMISSIVE.contains(&licence.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_enough_and_a_conjunction_is_not() {
        assert!(is_permissive("MIT OR GPL-3.0") && is_permissive("MIT/Apache-2.0"));
        assert!(is_permissive("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(!is_permissive("MIT AND GPL-3.0") && !is_permissive("GPL-3.0") && !is_permissive(""));
    }
}
