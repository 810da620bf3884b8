//! Whether a step's inputs changed since it last succeeded.

use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;

/// One step's memory: a hash of its inputs, kept beside the build's other artefacts.
#[derive(Debug)]
pub(crate) struct Stamp {
    file: PathBuf,
    now: String,
}

impl Stamp {
    /// The stamp of `step`, whose inputs are the files under `inputs`, relative to the root.
    pub(crate) fn new(workspace: &Workspace, step: &str, inputs: &[impl AsRef<Path>]) -> Result<Stamp> {
        let mut hasher = blake3::Hasher::new();
        for input in inputs {
            let input = workspace.root.join(input);
            for entry in walkdir::WalkDir::new(&input).sort_by_file_name() {
                let entry = entry.with_context(|| format!("{} cannot be read", input.display()))?;
                let metadata = entry.metadata()?;
                if !metadata.is_file() {
                    continue;
                }
                let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
                hasher.update(entry.path().as_os_str().as_encoded_bytes());
                hasher.update(&metadata.len().to_le_bytes());
                hasher.update(&modified.as_nanos().to_le_bytes());
            }
        }
        let folder = workspace.target.join("xtask");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Stamp { file: folder.join(step), now: hasher.finalize().to_hex().to_string() })
    }

    /// Whether the step succeeded with the same inputs before and `output` is still there.
    pub(crate) fn holds(&self, output: &Path) -> bool {
        output.exists() && fs::read_to_string(&self.file).is_ok_and(|then| then == self.now)
    }

    /// Remembers that the step succeeded.
    pub(crate) fn set(&self) -> Result<()> {
        fs::write(&self.file, &self.now).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_done_again_when_an_input_changes_or_its_output_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let (input, output) = (root.path().join("input"), root.path().join("output"));
        fs::create_dir(&input).unwrap();
        fs::write(input.join("a"), "1").unwrap();
        fs::write(&output, "made").unwrap();
        let workspace = Workspace { root: root.path().into(), target: root.path().join("target") };
        let stamp = || Stamp::new(&workspace, "step", &["input"]).unwrap();
        assert!(!stamp().holds(&output));
        stamp().set().unwrap();
        assert!(stamp().holds(&output));
        fs::write(input.join("b"), "2").unwrap();
        assert!(!stamp().holds(&output));
        stamp().set().unwrap();
        fs::remove_file(&output).unwrap();
        assert!(!stamp().holds(&output));
    }
}
