//! A file that plays over and over as a live stream.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::StatusCode;
use thetab_relay::Kind;

use crate::{
    records::{assert_matches, signer, verified},
    support::{World, header_of, publish, refusal, start_in},
};

/// A live stream that has been on for `on`.
async fn live(on: Duration) -> World {
    let data = tempfile::tempdir().unwrap();
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - on;
    let kind = Kind::Loop { started_unix_ms: started.as_millis() as u64 };
    publish(data.path(), "live", kind, false).unwrap();
    start_in(data, |_| ()).await
}

/// First media sequence, and the sequences that the playlist lists.
async fn window(world: &World) -> (u64, Vec<u64>) {
    let text = world.text("/media/live/r0/index.m3u8").await;
    let first = text.lines().find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:")).unwrap();
    let listed = text.lines().filter_map(|line| line.strip_suffix(".m4s")).map(|name| name.parse().unwrap());
    assert!(!text.contains("ENDLIST"), "it goes on");
    (first.parse().unwrap(), listed.collect())
}

#[tokio::test]
async fn the_window_slides_with_the_clock() {
    let mut last_first = None;
    for on in [100, 300, 1000, 100_000] {
        let world = live(Duration::from_secs(on)).await;
        let (first, listed) = window(&world).await;
        assert_eq!(listed, (first..first + 15).collect::<Vec<_>>());
        assert!(last_first.is_none_or(|last| first > last));
        last_first = Some(first);
    }
}

#[tokio::test]
async fn what_the_window_lists_is_there_and_signed_and_nothing_else_is() {
    let world = live(Duration::from_secs(1000)).await;
    let (_, _, base) = signer(&world, "live").await;
    let (first, listed) = window(&world).await;
    let mut records = Vec::new();
    for page in first / 64..=listed[14] / 64 {
        records.extend(verified(&world, "live", &format!("r0/records/{page}.bin")).await);
    }
    let newest = records.len() as u64 - 1;
    assert!((14..=16).contains(&newest), "one for each segment that is in the window now");
    for record in &records {
        assert_matches(&world, &base, record).await;
    }
    let after = listed[10];
    let trimmed =
        verified(&world, "live", &format!("r0/records/{}.bin?after={after}", listed[14] / 64)).await;
    assert!(trimmed.iter().all(|record| record.segment.sequence > after));
    for sequence in [listed[14] + 100, u64::MAX, 0] {
        let response = world.get(&format!("/media/live/r0/{sequence}.m4s")).await;
        assert_eq!(refusal(response, StatusCode::NOT_FOUND).await, "not_found", "{sequence}");
    }
    let response = world.get(&format!("/media/live/r0/records/{}.bin", listed[14] / 64 + 2)).await;
    assert_eq!(refusal(response, StatusCode::NOT_FOUND).await, "not_found");
}

#[tokio::test]
async fn live_playlists_and_records_are_never_kept_and_segments_are() {
    let world = live(Duration::from_secs(500)).await;
    let (_, listed) = window(&world).await;
    let cases = [
        ("r0/index.m3u8".to_owned(), "no-cache"),
        (format!("r0/records/{}.bin", listed[14] / 64), "no-cache"),
        (format!("r0/{}.m4s", listed[5]), "public, max-age=31536000, immutable"),
    ];
    for (path, cache_control) in cases {
        let response = world.get(&format!("/media/live/{path}")).await;
        assert_eq!(header_of(&response, "cache-control"), cache_control, "{path}");
    }
    let stream = world.json("/api/v1/streams/live").await;
    assert_eq!((stream["live"].as_bool(), stream["duration_seconds"].is_null()), (Some(true), true));
}
