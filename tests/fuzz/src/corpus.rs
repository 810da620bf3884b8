//! Inputs on disk: `corpus/<target>/<hash>`, one input a file, named by its content.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use crate::Target;

/// The committed corpus.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Every input kept for `target`, in the order of their names.
///
/// # Errors
/// What the file system says; a target without a folder has no inputs.
pub fn load(target: &Target) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let folder = root().join(target.name);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort_unstable();
    paths.into_iter().map(|path| Ok((path.clone(), fs::read(path)?))).collect()
}

/// Keeps `input` for `target`; where.
///
/// # Errors
/// What the file system says.
pub fn keep(target: &Target, input: &[u8]) -> io::Result<PathBuf> {
    let folder = root().join(target.name);
    fs::create_dir_all(&folder)?;
    let path = folder.join(&blake3::hash(input).to_hex()[..16]);
    fs::write(&path, input)?;
    Ok(path)
}

/// Writes the genuine inputs of `target`, and each of them damaged in the ways that decoders get wrong; how many.
///
/// # Errors
/// What the file system says.
pub fn plant(target: &Target) -> io::Result<usize> {
    let mut inputs = BTreeSet::from([Vec::new()]);
    for seed in (target.seeds)() {
        inputs.extend(damaged(&seed));
        inputs.insert(seed);
    }
    for input in &inputs {
        keep(target, input)?;
    }
    Ok(inputs.len())
}

/// Cut short, gone on with, its first byte another, its middle a length that nothing holds.
fn damaged(seed: &[u8]) -> Vec<Vec<u8>> {
    let middle = seed.len() / 2;
    let (head, tail) = seed.split_at(middle);
    let mut flipped = seed.to_vec();
    if let Some(first) = flipped.first_mut() {
        *first = first.wrapping_add(1);
    }
    vec![
        head.to_vec(),
        [seed, &[0]].concat(),
        flipped,
        [head, &[0xff, 0xff, 0xff, 0xff, 0x0f], tail].concat(),
    ]
}
