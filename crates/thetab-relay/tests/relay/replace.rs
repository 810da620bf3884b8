//! A stream that is published again under its name.

use reqwest::{Method, StatusCode};
use thetab_relay::{Kind, PackageError, PackagedSource, publish_packaged};

use crate::{
    records::{assert_matches, signer, verified},
    support::{World, header_of, publish, refusal, relay, sample},
};

/// The same stream with its two video renditions' first segments swapped: other bytes under the same names.
fn changed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for rendition in ["r0", "r1", "r2"] {
        std::fs::create_dir(folder.path().join(rendition)).unwrap();
        for entry in std::fs::read_dir(sample().join(rendition)).unwrap().flatten() {
            std::fs::copy(entry.path(), folder.path().join(rendition).join(entry.file_name())).unwrap();
        }
    }
    std::fs::copy(sample().join("master.m3u8"), folder.path().join("master.m3u8")).unwrap();
    for rendition in ["r0", "r1", "r2"] {
        std::fs::copy(sample().join("r1/3.m4s"), folder.path().join(rendition).join("0.m4s")).unwrap();
    }
    folder
}

fn replace(world: &World) {
    replace_in(world.data.path());
}

fn replace_in(data: &std::path::Path) {
    let folder = changed();
    let source = PackagedSource {
        folder: folder.path(),
        name: "sample",
        title: "New",
        kind: Kind::Vod,
        replace: true,
    };
    publish_packaged(data, &source).unwrap();
}

#[tokio::test]
async fn a_taken_name_is_refused_and_the_stream_stays() {
    let world = relay().await;
    let refused = publish(world.data.path(), "sample", Kind::Vod, false);
    let Err(error @ PackageError::Taken(_)) = refused else { panic!("{refused:?}") };
    assert!(error.to_string().contains("--replace"), "{error}");
    assert_eq!(verified(&world, "sample", "r0/records/0.bin").await.len(), 30);
}

#[tokio::test]
async fn what_replaces_a_stream_is_another_presentation_at_another_address() {
    let world = relay().await;
    let (before, _, old_base) = signer(&world, "sample").await;
    replace(&world);
    let (after, _, base) = signer(&world, "sample").await;
    assert_ne!(after, before, "peers that have the old bytes are not asked for the new ones");
    assert_ne!(base, old_base, "caches that have the old bytes are not asked for the new ones");
    assert_eq!(world.json("/api/v1/streams/sample").await["title"], "New");
    for record in verified(&world, "sample", "r0/records/0.bin").await.iter().take(3) {
        assert_matches(&world, &base, record).await;
    }
    let segment = world.get(&format!("{base}r0/0.m4s")).await;
    assert_eq!(header_of(&segment, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(segment.bytes().await.unwrap(), std::fs::read(sample().join("r1/3.m4s")).unwrap());
}

#[tokio::test]
async fn who_watches_the_old_stream_sees_it_to_its_end() {
    let world = relay().await;
    replace(&world);
    for path in ["/media/sample/r0/0.m4s", "/media/sample/r0/29.m4s", "/media/sample/r0/index.m3u8"] {
        let old = std::fs::read(sample().join(path.strip_prefix("/media/sample/").unwrap())).unwrap();
        assert_eq!(world.bytes(path).await, old, "{path}");
    }
    // A second replacement ends what the first one replaced.
    replace(&world);
    let gone = world.get("/media/sample/r0/0.m4s").await;
    assert_eq!(refusal(gone, StatusCode::NOT_FOUND).await, "not_found");
    let (_, _, base) = signer(&world, "sample").await;
    assert_eq!(
        world.bytes(&format!("{base}r0/29.m4s")).await,
        std::fs::read(sample().join("r0/29.m4s")).unwrap()
    );
    let left: Vec<_> = std::fs::read_dir(world.data.path().join("streams")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn a_player_without_our_code_is_sent_to_the_new_stream() {
    let world = relay().await;
    replace(&world);
    let (_, _, base) = signer(&world, "sample").await;
    let response = world.get("/media/sample/master.m3u8").await;
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(header_of(&response, "location"), format!("{base}master.m3u8"));
    assert_eq!(header_of(&response, "cache-control"), "no-cache");
    let cross =
        world.ask(Method::GET, "/media/sample/master.m3u8", &[("origin", "https://blog.example")]).await;
    assert_eq!(header_of(&cross, "access-control-allow-origin"), "*");
}

#[tokio::test]
async fn the_old_stream_is_served_until_the_new_one_is_whole() {
    let world = relay().await;
    let data = world.data.path().to_path_buf();
    let mut publishing = tokio::task::spawn_blocking(move || (0..8).for_each(|_| replace_in(&data)));
    let (mut asked, mut seen) = (0, std::collections::BTreeSet::new());
    while !publishing.is_finished() {
        let stream = world.json("/api/v1/streams/sample").await;
        seen.insert(stream["presentation"].as_str().unwrap().to_owned());
        asked += 1;
    }
    (&mut publishing).await.unwrap();
    assert!(asked > 20 && seen.len() > 2, "{asked} requests saw {} revisions", seen.len());
}

#[tokio::test]
async fn work_that_was_abandoned_days_ago_is_removed_and_other_work_is_not() {
    let world = relay().await;
    let streams = world.data.path().join("streams");
    let days_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(4 * 24 * 60 * 60);
    for name in [".encoding-old", ".publishing-old", ".encoding-new", ".something-old"] {
        std::fs::create_dir(streams.join(name)).unwrap();
        std::fs::write(streams.join(name).join("0.m4s"), "x").unwrap();
        if name.ends_with("old") {
            std::fs::File::open(streams.join(name)).unwrap().set_modified(days_ago).unwrap();
        }
    }
    replace(&world);
    let mut left: Vec<String> = std::fs::read_dir(&streams)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, [".encoding-new", ".something-old", "sample"]);
}
