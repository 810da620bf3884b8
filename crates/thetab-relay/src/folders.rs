use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Folders that were made for something to come. Those that are still empty at the end are removed again.
#[derive(Debug)]
pub struct MadeFolders {
    /// Outermost first.
    made: Vec<PathBuf>,
}

impl MadeFolders {
    /// Makes `folder` and what is missing above it.
    ///
    /// # Errors
    /// What the file system says; nothing is left.
    pub fn make(folder: &Path) -> io::Result<MadeFolders> {
        let missing =
            folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let mut made: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
        made.reverse();
        let folders = MadeFolders { made };
        fs::create_dir_all(folder)?;
        Ok(folders)
    }
}

impl Drop for MadeFolders {
    fn drop(&mut self) {
        for folder in self.made.iter().rev() {
            // Fails, as it should, for a folder with something in it.
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_stay_empty_are_removed_and_others_are_not() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b/c");
        drop(MadeFolders::make(&deep).unwrap());
        assert!(!root.path().join("a").exists());
        let folders = MadeFolders::make(&deep).unwrap();
        fs::write(root.path().join("a/b/file"), "x").unwrap();
        drop(folders);
        assert!(root.path().join("a/b/file").exists() && !deep.exists());
        drop(MadeFolders::make(&root.path().join("a")).unwrap());
        assert!(root.path().join("a").exists());
    }
}
