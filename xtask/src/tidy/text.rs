//! Documents that point at files, style sheets that name colours, and texts that name somebody's machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use walkdir::{DirEntry, WalkDir};

const DOCUMENTS: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs"];
const STYLES: [&str; 2] = ["web/styles", "www"];
/// The app's sheet that may name colours. A page of `www` has one sheet, and names them in its custom properties.
const TOKENS: &str = "tokens.css";
const COLOURS: [&str; 9] = ["#", "rgb(", "rgba(", "hsl(", "hwb(", "oklch(", "oklab(", "lab(", "color("];
const NAMED_COLOURS: [&str; 9] =
    ["black", "blue", "gray", "green", "grey", "orange", "red", "white", "yellow"];

/// What is made, fetched or kept beside the sources.
const NOT_OURS: [&str; 5] = [".git", ".thetab", "dist", "node_modules", "target"];
/// Where people's home folders are; the name of one follows.
const HOMES: [&str; 3] = ["/home/", "/Users/", "/root/"];

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
    for folder in STYLES {
        for sheet in sources(&root.join(folder)) {
            let sheet = sheet?;
            if sheet.extension().is_none_or(|extension| extension != "css") || sheet.ends_with(TOKENS) {
                continue;
            }
            let may_define = folder == "www";
            let text = fs::read_to_string(&sheet)?;
            let lines = (1..).zip(text.lines()).filter(|(_, line)| names_colour(line, may_define));
            found.extend(lines.map(|(number, _)| format!("{}:{number}", sheet.display())));
        }
    }
    ensure!(found.is_empty(), "colours outside of tokens: {}", found.join(", "));
    Ok(())
}

fn names_colour(line: &str, may_define: bool) -> bool {
    let Some((property, value)) = line.split_once(':') else { return false };
    if may_define && property.trim_start().starts_with("--") {
        return false;
    }
    let mut words = value.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
    COLOURS.iter().any(|colour| value.contains(colour)) || words.any(|word| NAMED_COLOURS.contains(&word))
}

/// No text names a folder of the machine that it was written on.
pub(super) fn check_machine_paths(root: &Path) -> Result<()> {
    let mut found = Vec::new();
    for file in sources(root) {
        let file = file?;
        // What is not UTF-8 is a picture or an archive.
        let Ok(text) = String::from_utf8(fs::read(&file)?) else { continue };
        let lines = (1..).zip(text.lines()).filter(|(_, line)| names_machine(line, root));
        found.extend(lines.map(|(number, _)| format!("{}:{number}", file.display())));
    }
    ensure!(found.is_empty(), "folders of somebody's machine: {}", found.join(", "));
    Ok(())
}

fn names_machine(line: &str, root: &Path) -> bool {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '.';
    let names_home = HOMES.iter().any(|home| line.split(home).skip(1).any(|rest| rest.starts_with(is_name)));
    names_home || line.contains(&*root.to_string_lossy())
}

/// The files under `folder` that somebody wrote.
fn sources(folder: &Path) -> impl Iterator<Item = Result<PathBuf>> {
    let is_ours = |entry: &DirEntry| !NOT_OURS.iter().any(|name| entry.file_name() == *name);
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(is_ours);
    let files = entries.filter(|entry| entry.as_ref().map_or(true, |entry| entry.file_type().is_file()));
    files.map(|entry| Ok(entry.context("the sources cannot be read")?.into_path()))
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
        let names_colour = |line| super::names_colour(line, false);
        assert!(names_colour("  color: #fff;") && names_colour("background: oklch(0.5 0 0);"));
        assert!(names_colour("border: 1px solid black;") && names_colour("  --text: white;"));
        assert!(!names_colour("#main {") && !names_colour("  color: var(--tb-text);"));
        assert!(!names_colour("white-space: nowrap;") && !names_colour("color: currentColor;"));
    }

    #[test]
    fn a_page_of_its_own_defines_colours_once() {
        assert!(!names_colour("  --text: oklch(0.5 0 0);", true));
        assert!(names_colour("  color: oklch(0.5 0 0);", true));
    }

    #[test]
    fn a_folder_of_somebodys_machine_is_seen() {
        let root = Path::new("/srv/checkout");
        for home in HOMES {
            assert!(names_machine(&format!("see {home}ann/thetab"), root));
            assert!(!names_machine(home, root));
        }
        assert!(names_machine("cd /srv/checkout", root) && !names_machine("cd /srv/other", root));
    }
}
