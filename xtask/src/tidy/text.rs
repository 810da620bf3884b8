//! Documents that point at files, and style sheets that name colours.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use walkdir::WalkDir;

const DOCUMENTS: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs"];
const STYLES: &str = "web/styles";
/// The one sheet that may name colours.
const TOKENS: &str = "tokens.css";
const COLOURS: [&str; 8] = ["#", "rgb(", "rgba(", "hsl(", "oklch(", "oklab(", "lab(", "color-mix("];

/// Every relative link of the documents leads to a file.
pub(super) fn check_links(root: &Path) -> Result<()> {
    let mut dead = Vec::new();
    for document in DOCUMENTS {
        for entry in WalkDir::new(root.join(document)) {
            let entry = entry.with_context(|| format!("{document} cannot be read"))?;
            if entry.path().extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let folder = entry.path().parent().unwrap_or(root);
            let text = fs::read_to_string(entry.path())?;
            let broken = links(&text).filter(|link| !folder.join(link).exists());
            dead.extend(broken.map(|link| format!("{} → {link}", entry.path().display())));
        }
    }
    ensure!(dead.is_empty(), "links that lead nowhere:\n{}", dead.join("\n"));
    Ok(())
}

/// The relative targets of `[text](target)`, without their fragments.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?.split('#').next()?;
        let is_relative = !target.is_empty() && !target.contains(':') && !target.contains(' ');
        is_relative.then_some(target)
    })
}

/// Colours stand in the tokens alone.
pub(super) fn check_colours(root: &Path) -> Result<()> {
    let mut found = Vec::new();
    for entry in WalkDir::new(root.join(STYLES)) {
        let entry = entry.with_context(|| format!("{STYLES} cannot be read"))?;
        let is_sheet = entry.path().extension().is_some_and(|extension| extension == "css");
        if !is_sheet || entry.file_name() == TOKENS {
            continue;
        }
        let text = fs::read_to_string(entry.path())?;
        let lines = (1..).zip(text.lines()).filter(|(_, line)| names_colour(line));
        found.extend(lines.map(|(number, _)| format!("{}:{number}", entry.path().display())));
    }
    ensure!(found.is_empty(), "colours outside {TOKENS}: {}", found.join(", "));
    Ok(())
}

fn names_colour(line: &str) -> bool {
    let value = line.split_once(':').map_or("", |(_, value)| value);
    COLOURS.iter().any(|colour| value.contains(colour))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_links_are_followed() {
        let text = "[a](docs/a.md#part) [b](https://b.example) [c](#here) [d](../d)";
        assert!(links(text).eq(["docs/a.md", "../d"]));
    }

    #[test]
    fn a_colour_is_seen_in_a_value_and_not_in_a_selector() {
        assert!(names_colour("  color: #fff;") && names_colour("background: oklch(0.5 0 0);"));
        assert!(!names_colour("#main {") && !names_colour("  color: var(--tb-text);"));
    }
}
