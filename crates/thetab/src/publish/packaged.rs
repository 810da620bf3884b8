//! Opens a packaged stream: a folder as it is, a .tar unpacked into a temporary folder.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use super::PublishError;

/// Most files in an archive.
const MAXIMUM_FILES: usize = 100_000;

/// Calls `take` with the folder that holds `master.m3u8`.
///
/// # Errors
/// [`PublishError`] when `path` is neither, and what `take` says.
pub(super) fn with_packaged<T>(
    path: &Path,
    take: impl FnOnce(&Path) -> Result<T, PublishError>,
) -> Result<T, PublishError> {
    let open = |source| PublishError::Open { path: path.to_path_buf(), source };
    if fs::metadata(path).map_err(open)?.is_dir() {
        return take(&root_of(path));
    }
    with_packaged_tar(path, io::BufReader::new(File::open(path).map_err(open)?), take)
}

/// Calls `take` with the unpacked content of the archive `tar`, called `name` in errors.
///
/// # Errors
/// [`PublishError`] when it is no archive of plain files, and what `take` says.
fn with_packaged_tar<T>(
    name: &Path,
    tar: impl Read,
    take: impl FnOnce(&Path) -> Result<T, PublishError>,
) -> Result<T, PublishError> {
    let folder = tempfile::tempdir().map_err(PublishError::io("a temporary folder cannot be made"))?;
    unpack(tar, folder.path()).map_err(|error| {
        PublishError::unsupported(name, format!("it is not a .tar of a packaged stream ({error})"))
    })?;
    take(&root_of(folder.path()))
}

/// Unpacks plain files alone; links, devices and names that leave `folder` are errors.
fn unpack(tar: impl Read, folder: &Path) -> io::Result<()> {
    let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let mut files = 0;
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        match entry.header().entry_type() {
            tar::EntryType::Directory | tar::EntryType::XGlobalHeader => continue,
            tar::EntryType::Regular => {}
            _ => return Err(refused("it holds something that is no plain file")),
        }
        if path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(refused("a name in it leads outside"));
        }
        files += 1;
        if files > MAXIMUM_FILES {
            return Err(refused("it holds too many files"));
        }
        let target = folder.join(path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        io::copy(&mut entry, &mut File::create(&target)?)?;
    }
    if files == 0 { Err(refused("it is empty")) } else { Ok(()) }
}

/// `folder`, or the one folder in it when that holds the master playlist.
fn root_of(folder: &Path) -> PathBuf {
    if folder.join("master.m3u8").exists() {
        return folder.to_path_buf();
    }
    let inner = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    inner.into_iter().find(|path| path.join("master.m3u8").exists()).unwrap_or_else(|| folder.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(names: &[&str], link: bool) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for name in names {
            let mut header = tar::Header::new_gnu();
            header.set_size(1);
            // As a hostile archive would: `set_path` refuses such names.
            let bytes = header.as_mut_bytes();
            bytes[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, &b"x"[..]).unwrap();
        }
        if link {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, "r0", "/etc").unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn an_archive_with_one_folder_around_it_is_opened() {
        let tar = archive(&["talk/master.m3u8", "talk/r0/init.mp4"], false);
        let found = with_packaged_tar(Path::new("talk.tar"), &tar[..], |root| {
            Ok((root.join("master.m3u8").exists(), root.join("r0/init.mp4").exists()))
        });
        assert_eq!(found.unwrap(), (true, true));
    }

    #[test]
    fn an_archive_that_leads_outside_or_links_is_refused() {
        for tar in [archive(&["../escaped"], false), archive(&["/tmp/escaped"], false), archive(&["a"], true)]
        {
            let refused = with_packaged_tar(Path::new("bad.tar"), &tar[..], |_| Ok(()));
            assert!(matches!(refused, Err(PublishError::Unsupported { .. })), "{refused:?}");
        }
        let not_a_tar = with_packaged_tar(Path::new("bad.tar"), &b"MZ is no archive"[..], |_| Ok(()));
        assert!(not_a_tar.is_err());
        assert!(!std::env::temp_dir().join("escaped").exists());
    }
}
