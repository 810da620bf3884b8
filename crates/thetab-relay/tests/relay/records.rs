//! Signed records beside each playlist.

use reqwest::StatusCode;
use thetab_relay::Kind;
use thetab_wire::{
    Decode as _, PresentationId, PublisherKey, SegmentId, SegmentKind,
    record::{RecordPage, VerifiedRecord},
};

use crate::support::{World, publish, refusal, relay, start_in};

/// Who signs, and for which presentation, as a page learns it.
pub(crate) async fn signer(world: &World, name: &str) -> (PresentationId, PublisherKey, String) {
    let stream = world.json(&format!("/api/v1/streams/{name}")).await;
    let text = |field: &str| stream[field].as_str().unwrap().to_owned();
    (text("presentation").parse().unwrap(), text("publisher").parse().unwrap(), text("media_base"))
}

/// The records of a page, each verified.
pub(crate) async fn verified(world: &World, name: &str, page: &str) -> Vec<VerifiedRecord> {
    let (presentation, publisher, base) = signer(world, name).await;
    let page = RecordPage::decode(&world.bytes(&format!("{base}{page}")).await).unwrap();
    page.records
        .into_inner()
        .into_iter()
        .map(|record| record.verify(&presentation, &publisher).unwrap())
        .collect()
}

/// Checks that a record's pieces are those of the bytes that the origin serves.
pub(crate) async fn assert_matches(world: &World, base: &str, record: &VerifiedRecord) {
    let SegmentId { rendition, kind, sequence, .. } = record.segment;
    let file = if kind == SegmentKind::Init { "init.mp4".to_owned() } else { format!("{sequence}.m4s") };
    let payload = world.bytes(&format!("{base}r{rendition}/{file}")).await;
    assert_eq!(payload.len(), record.size_bytes as usize, "{file}");
    for (piece, bytes) in (0..).zip(payload.chunks(65_536)) {
        assert!(record.verify_piece(piece, bytes.to_vec().into()).is_ok(), "piece {piece} of {file}");
    }
}

#[tokio::test]
async fn every_record_is_the_publishers_and_matches_the_bytes() {
    let world = relay().await;
    let (_, _, base) = signer(&world, "sample").await;
    let stream = world.json("/api/v1/streams/sample").await;
    assert!(stream["renditions"].as_array().unwrap().len() >= 3);
    for rendition in 0..3 {
        let records = verified(&world, "sample", &format!("r{rendition}/records/0.bin")).await;
        assert!(records.len() > 10 && records.len() <= 64);
        for (sequence, record) in (0..).zip(&records) {
            assert_eq!(record.segment, SegmentId::media(rendition, sequence));
            assert!(record.duration_ms > 0);
            assert_matches(&world, &base, record).await;
        }
        for pair in records.windows(2) {
            assert_eq!(
                pair[1].previous,
                *blake3::hash(&pair[0].signed().body).as_bytes(),
                "records are chained"
            );
        }
        let init = verified(&world, "sample", &format!("r{rendition}/records/init.bin")).await;
        assert_eq!(init.len(), 1);
        assert_matches(&world, &base, &init[0]).await;
    }
}

#[tokio::test]
async fn a_page_is_trimmed_to_what_is_not_known_yet() {
    let world = relay().await;
    let all = verified(&world, "sample", "r0/records/0.bin").await.len();
    for (after, expected) in [(0, all - 1), (9, all - 10), (all as u64, 0), (u64::MAX, 0)] {
        let rest = verified(&world, "sample", &format!("r0/records/0.bin?after={after}")).await;
        assert_eq!(rest.len(), expected, "after {after}");
    }
}

#[tokio::test]
async fn another_streams_records_do_not_verify() {
    let data = tempfile::tempdir().unwrap();
    publish(data.path(), "sample", Kind::Vod, false).unwrap();
    publish(data.path(), "other", Kind::Vod, false).unwrap();
    let world = start_in(data, |_| ()).await;
    let (presentation, publisher, _) = signer(&world, "other").await;
    let page = RecordPage::decode(&world.bytes("/media/sample/r0/records/0.bin").await).unwrap();
    for record in page.records.into_inner() {
        assert!(record.verify(&presentation, &publisher).is_err());
    }
}

#[tokio::test]
async fn a_damaged_page_is_an_error_of_the_relay_that_says_where_to_look() {
    let world = relay().await;
    let page = world.data.path().join("streams/sample/r0/records/0.bin");
    std::fs::write(&page, b"not records").unwrap();
    let response = world.get("/media/sample/r0/records/0.bin?after=1").await;
    assert_eq!(refusal(response, StatusCode::INTERNAL_SERVER_ERROR).await, "internal");
}
