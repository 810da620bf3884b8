//! Ctrl-C in the middle.

use std::{fs, path::Path};

use crate::support::{Running, ffmpeg, files, has_ffmpeg, thetab};

/// Processes that work in a folder below `root`.
fn working_in(root: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let folders = processes.filter_map(|process| fs::read_link(process.path().join("cwd")).ok());
    folders.filter(|folder| folder.starts_with(root)).map(|folder| folder.display().to_string()).collect()
}

#[test]
fn a_person_who_gives_up_finds_nothing_left() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Long enough to be stopped in: what is made of it is never finished.
    let picture = "testsrc2=duration=600:size=1280x720:rate=30";
    let long =
        ["-f", "lavfi", "-i", picture, "-t", "20", "-c:v", "libx264", "-preset", "ultrafast", "-g", "300"];
    let file = ffmpeg(folder.path(), "long.mp4", &long);
    for signal in ["INT", "TERM"] {
        let data = folder.path().join("data");
        let mut running = Running::start(thetab().arg("publish").arg(&file).arg("--data").arg(&data));
        // ffmpeg has begun to write.
        while !files(&data).iter().any(|file| file.extension().is_some_and(|extension| extension == "mp4")) {
            assert!(Path::new(&format!("/proc/{}", running.id())).exists(), "it ended by itself");
            std::thread::yield_now();
        }
        running.signal(signal);
        assert!(!running.end());
        assert!(running.heard.contains("stopped; nothing was published"), "{}", running.heard);
        assert!(!data.exists(), "left: {:?}", files(&data));
        assert_eq!(working_in(&data), Vec::<String>::new());
    }
}
