//! Files that cannot be published: said in words, and nothing left behind.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::{error_of, ffmpeg, files, has_ffmpeg, talk, thetab};

/// The error of publishing `file` into a fresh data folder, of which nothing may be left.
fn refused(file: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let error = error_of(thetab().arg("publish").arg(file).arg("--data").arg(&data));
    assert!(error.starts_with("error: "), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    assert!(error.contains(&name), "{error} names {name}");
    assert!(!data.exists(), "left: {:?}", files(&data));
    error
}

#[test]
fn what_is_no_video_is_refused_in_words() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    refused(&write("notes.txt", b"dear diary\n"));
    refused(&write("empty.mp4", b""));
    refused(&write(
        "noise.mp4",
        &(0..50_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>(),
    ));
    let tone = ["-f", "lavfi", "-i", "sine=duration=2"];
    assert!(refused(&ffmpeg(folder.path(), "song.mp3", &tone)).contains("no moving picture"));
    let still = ["-f", "lavfi", "-i", "color=size=320x240", "-frames:v", "1"];
    refused(&ffmpeg(folder.path(), "still.png", &still));
    let short = ["-f", "lavfi", "-i", "testsrc2=duration=0.4:size=320x240", "-c:v", "libx264"];
    assert!(refused(&ffmpeg(folder.path(), "blink.mp4", &short)).contains("shorter than one second"));
    let tiny = ["-f", "lavfi", "-i", "testsrc2=duration=2:size=32x32", "-c:v", "libx264"];
    assert!(refused(&ffmpeg(folder.path(), "tiny.mp4", &tiny)).contains("too small"));
    assert!(refused(&folder.path().join("nowhere.mp4")).contains("cannot be opened"));
    assert!(refused(folder.path()).contains("--packaged"));
}

#[test]
fn a_video_that_was_cut_off_is_refused() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(talk()).unwrap();
    let cut = folder.path().join("cut.mp4");
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    refused(&cut);
    // Its index first, so that it looks whole; its second half is missing.
    let copied = ["-i", talk().to_str().unwrap(), "-c", "copy", "-movflags", "faststart"];
    let indexed = fs::read(ffmpeg(folder.path(), "indexed.mp4", &copied)).unwrap();
    fs::write(&cut, &indexed[..indexed.len() / 2]).unwrap();
    refused(&cut);
}

#[test]
fn a_playlist_in_disguise_makes_nobody_fetch_anything() {
    if !has_ffmpeg() {
        return;
    }
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("holiday.mp4");
    let playlist =
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://{address}/secret.ts\n#EXT-X-ENDLIST\n");
    fs::write(&path, playlist).unwrap();
    refused(&path);
    fs::write(&path, format!("ffconcat version 1.0\nfile 'http://{address}/secret.ts'\n")).unwrap();
    refused(&path);
    assert!(listener.accept().is_err(), "somebody was asked");
}

#[test]
fn names_that_cannot_stand_in_a_url_are_refused() {
    for name in ["", "UPPER", "with space", "../up", "a/b", ".hidden", "é", &"x".repeat(65)] {
        let data = tempfile::tempdir().unwrap();
        let error =
            error_of(thetab().args(["publish", "any.mp4", "--name", name, "--data"]).arg(data.path()));
        assert!(error.contains("stream name"), "{name}: {error}");
        assert_eq!(files(data.path()), Vec::<PathBuf>::new());
    }
}

#[test]
fn without_ffmpeg_it_says_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("talk.mp4");
    fs::write(&file, "any").unwrap();
    let data = folder.path().join("data");
    let empty = folder.path().join("bin");
    fs::create_dir(&empty).unwrap();
    let error = error_of(thetab().arg("publish").arg(&file).arg("--data").arg(&data).env("PATH", &empty));
    assert!(error.contains("ffprobe") && error.contains("apt install ffmpeg"), "{error}");
    assert!(!data.exists(), "left: {:?}", files(&data));
}
