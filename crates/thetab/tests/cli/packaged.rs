//! `thetab publish --packaged`, which needs no ffmpeg.

use std::{fs, path::Path};

use crate::support::{error_of, files, said, thetab};

fn sample() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sample.tar"))
}

fn unpacked() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    tar::Archive::new(fs::File::open(sample()).unwrap()).unpack(folder.path()).unwrap();
    folder
}

/// The error of publishing the folder after `damage`; nothing is left.
fn refused(damage: impl FnOnce(&Path)) -> String {
    let folder = unpacked();
    damage(folder.path());
    let data = tempfile::tempdir().unwrap();
    let target = data.path().join("data");
    let command = &mut thetab();
    let error = error_of(
        command.args(["publish", "--packaged", "--name", "x"]).arg(folder.path()).arg("--data").arg(&target),
    );
    assert!(!target.exists(), "left: {:?}", files(&target));
    error
}

#[test]
fn an_archive_and_a_folder_are_published_without_ffmpeg() {
    let folder = unpacked();
    for source in [sample(), folder.path()] {
        let data = tempfile::tempdir().unwrap();
        let mut command = thetab();
        command.args(["publish", "--packaged", "--name", "x"]).arg(source).arg("--data").arg(data.path());
        let output = command.env("PATH", "").output().unwrap();
        let (stdout, stderr) = said(&output);
        assert!(output.status.success(), "{stderr}");
        assert!(stdout.contains("/watch/x"), "{stdout}");
        assert!(data.path().join("streams/x/r2/records/0.bin").is_file());
    }
}

#[test]
fn what_a_packaged_stream_lacks_is_named() {
    let missing = |name: &'static str| refused(move |folder| fs::remove_file(folder.join(name)).unwrap());
    for name in ["master.m3u8", "r1/index.m3u8", "r1/init.mp4", "r2/7.m4s"] {
        assert!(missing(name).contains(name), "{name}");
    }
    let error = refused(|folder| fs::write(folder.join("master.m3u8"), "hello").unwrap());
    assert!(error.contains("master.m3u8") && error.contains("not a master playlist"), "{error}");
    let error = refused(|folder| fs::write(folder.join("r0/3.m4s"), "").unwrap());
    assert!(error.contains("r0/3.m4s") && error.contains("empty"), "{error}");
    let error = refused(|folder| fs::write(folder.join("r0/3.m4s"), vec![0; (16 << 20) + 1]).unwrap());
    assert!(error.contains("r0/3.m4s") && error.contains("16 MiB"), "{error}");
    let error = refused(|folder| {
        let path = folder.join("r0/index.m3u8");
        let playlist = fs::read_to_string(&path).unwrap().replace("5.m4s", "five.m4s");
        fs::write(&path, playlist).unwrap();
    });
    assert!(error.contains("five.m4s"), "{error}");
}

#[test]
fn what_is_no_archive_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("talk.tar");
    fs::write(&path, "MZ is no archive").unwrap();
    let data = folder.path().join("data");
    let error = error_of(thetab().args(["publish", "--packaged"]).arg(&path).arg("--data").arg(&data));
    assert!(error.contains("talk.tar"), "{error}");
    assert!(!data.exists());
}
