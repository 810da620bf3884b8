//! `thetab publish` of real videos.

use std::{fs, path::Path, process::Command};

use thetab_relay::{Keys, Manifest, Media, publisher_key};
use thetab_wire::{Decode as _, PresentationId, SegmentId, SegmentKind, record::RecordPage};

use crate::support::{error_of, ffmpeg, files, has_ffmpeg, said, talk, thetab};

fn publish(data: &Path, file: &Path) -> Command {
    let mut command = thetab();
    command.arg("publish").arg(file).arg("--data").arg(data);
    command
}

fn published(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (stdout, stderr) = said(&output);
    assert!(output.status.success(), "{stderr}");
    stdout
}

fn manifest(stream: &Path) -> Manifest {
    Manifest::from_json(&fs::read(stream.join("stream.json")).unwrap()).unwrap()
}

/// Checks every record of a stream against its bytes; how many segments there are.
fn verify(data: &Path, folder: &Path, called: &str) -> usize {
    let publisher = publisher_key(&Keys::new(data).publisher().unwrap());
    let presentation = PresentationId::new(&publisher, called);
    let mut checked = 0;
    for rendition in manifest(folder).renditions {
        let folder = folder.join(format!("r{}", rendition.id));
        for page in files(&folder.join("records")) {
            let page = RecordPage::decode(&fs::read(page).unwrap()).unwrap();
            for record in page.records.into_inner() {
                let record = record.verify(&presentation, &publisher).unwrap();
                let SegmentId { kind, sequence, .. } = record.segment;
                let name =
                    if kind == SegmentKind::Init { "init.mp4".into() } else { format!("{sequence}.m4s") };
                let payload = fs::read(folder.join(name)).unwrap();
                assert_eq!(payload.len(), record.size_bytes as usize);
                for (piece, bytes) in (0..).zip(payload.chunks(65_536)) {
                    record.verify_piece(piece, bytes.to_vec().into()).unwrap();
                }
                checked += 1;
            }
        }
        assert_eq!(
            files(&folder).iter().filter(|file| file.extension().is_some_and(|e| e == "m4s")).count(),
            rendition.segment_durations_ms.len()
        );
    }
    checked
}

/// Plays a stream to its end; how many seconds of picture there are.
fn play(stream: &Path) -> f64 {
    let played = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-progress", "pipe:1", "-i"])
        .arg(stream.join("master.m3u8"))
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    let (progress, errors) = said(&played);
    assert!(played.status.success() && errors.is_empty(), "{errors}");
    let micros = progress.lines().filter_map(|line| line.strip_prefix("out_time_us=")).next_back();
    micros.unwrap().parse::<f64>().unwrap() / 1e6
}

#[test]
fn a_video_becomes_a_signed_ladder_that_plays() {
    if !has_ffmpeg() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let stdout =
        published(publish(data.path(), talk()).args(["--segment", "2", "--url", "https://relay.example/"]));
    assert!(stdout.contains("https://relay.example/watch/my-talk"), "{stdout}");
    assert!(stdout.contains("<iframe src=\"https://relay.example/embed/my-talk\""), "{stdout}");
    let stream = data.path().join("streams/my-talk");
    let manifest = manifest(&stream);
    assert_eq!(manifest.title, "My talk");
    let heights: Vec<u32> = manifest.renditions.iter().map(|rendition| rendition.height).collect();
    assert_eq!(heights, [240, 120, 0]);
    let kinds: Vec<Media> = manifest.renditions.iter().map(|rendition| rendition.media).collect();
    assert_eq!(kinds, [Media::Video, Media::Video, Media::Audio]);
    assert_eq!(manifest.renditions[0].segment_durations_ms.len(), 3);
    assert!((4_800..=5_100).contains(&manifest.duration_ms()), "{}", manifest.duration_ms());
    // Three segments and an initialisation section in each rendition.
    assert_eq!(verify(data.path(), &stream, "my-talk"), 3 * 4);
    assert!((play(&stream) - 5.0).abs() < 0.2);
    let only = fs::read_dir(data.path().join("streams")).unwrap().count();
    assert_eq!(only, 1, "nothing of the work is left");
}

#[test]
fn a_silent_video_of_an_odd_size_is_published_too() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let picture = "testsrc2=duration=2:size=321x181:rate=15";
    let file = ffmpeg(folder.path(), "-i odd;name.mkv", &["-f", "lavfi", "-i", picture, "-c:v", "ffv1"]);
    let data = folder.path().join("data");
    published(thetab().args(["publish", "--name", "odd", "--data"]).arg(&data).arg("--").arg(&file));
    let stream = data.join("streams/odd");
    assert!(manifest(&stream).renditions.iter().all(|rendition| rendition.media == Media::Video));
    assert_eq!(verify(&data, &stream, "odd"), 2 * 2);
    assert!((play(&stream) - 2.0).abs() < 0.2);
}

#[test]
fn a_file_plays_over_and_over_as_a_live_stream() {
    if !has_ffmpeg() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let stdout =
        published(publish(data.path(), talk()).args(["--loop", "--name", "tv", "--title", "Our TV"]));
    assert!(stdout.contains("looping live"), "{stdout}");
    let manifest = manifest(&data.path().join("streams/tv"));
    assert!(manifest.is_live());
    assert_eq!(manifest.title, "Our TV");
}

#[test]
fn a_taken_name_is_refused_at_once_and_replaced_when_asked() {
    if !has_ffmpeg() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    published(&mut publish(data.path(), talk()));
    let before = files(data.path());
    // Refused before the file is even looked at.
    let error = error_of(publish(data.path(), Path::new("no such file.mp4")).args(["--name", "my-talk"]));
    assert!(error.contains("my-talk") && error.contains("--replace"), "{error}");
    assert_eq!(files(data.path()), before);
    published(publish(data.path(), talk()).args(["--replace", "--title", "Again"]));
    let stream = data.path().join("streams/my-talk");
    assert_eq!(fs::read_to_string(stream.join("current")).unwrap(), "1");
    assert_eq!(manifest(&stream.join("@1")).title, "Again");
    assert_eq!(verify(data.path(), &stream.join("@1"), "my-talk@1"), 3 * 3);
    assert_eq!(verify(data.path(), &stream, "my-talk"), 3 * 3, "who watches the old one sees it to its end");
}

#[test]
fn a_failed_replacement_leaves_the_old_stream() {
    if !has_ffmpeg() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    published(&mut publish(data.path(), talk()));
    let before = files(data.path());
    let broken = data.path().join("broken.mp4");
    fs::write(&broken, &fs::read(talk()).unwrap()[..20_000]).unwrap();
    error_of(publish(data.path(), &broken).args(["--name", "my-talk", "--replace"]));
    fs::remove_file(&broken).unwrap();
    assert_eq!(files(data.path()), before);
}
