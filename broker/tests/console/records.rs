//! Looking into topics.

use bytes::Bytes;
use flymq_broker::Broker;
use flymq_protocol::{BatchBuilder, Codec};
use serde_json::{Value, json};

use crate::common::txn::Txn;
use crate::common::{Client, produce};
use crate::web::{Web, start};

async fn with_topic(partitions: u32) -> (tempfile::TempDir, Broker, Client, Web) {
    let (dir, broker) = start(|_| {}).await;
    let mut client = Client::connect(&broker).await;
    client.create("t", partitions, &[]).await;
    let web = Web::connect(&broker).await;
    (dir, broker, client, web)
}

fn offsets(found: &Value) -> Vec<u64> {
    let records = found["records"].as_array().unwrap();
    records.iter().map(|record| record["offset"].as_u64().unwrap()).collect()
}

async fn put(client: &mut Client, partition: u32, codec: Codec, records: &[(&str, i64)]) {
    let mut batch = BatchBuilder::new();
    for (value, timestamp) in records {
        batch.push(None, Some(value.as_bytes()), &[], *timestamp);
    }
    client.call(&produce("t", partition, batch.build(codec))).await.unwrap();
}

#[tokio::test]
async fn the_newest_those_from_an_offset_and_those_from_a_time() {
    let (_dir, _broker, mut client, mut web) = with_topic(2).await;
    for (codec, first) in [(Codec::None, 0), (Codec::Lz4, 10), (Codec::Zstd, 20)] {
        let records: Vec<_> = (first..first + 10).map(|at| ("value", 1000 + at)).collect();
        put(&mut client, 0, codec, &records).await;
    }
    let mut ask = async |rest: &str| web.call(&format!("records?topic=t&partition=0{rest}")).await;
    assert_eq!(offsets(&ask("&limit=4").await), [26, 27, 28, 29]);
    assert_eq!(offsets(&ask("&limit=4&before=12").await), [8, 9, 10, 11]);
    assert_eq!(offsets(&ask("&limit=4&before=2").await), [0, 1]);
    assert_eq!(offsets(&ask("&limit=4&from=8").await), [8, 9, 10, 11]);
    assert_eq!(offsets(&ask("&from=28").await), [28, 29]);
    assert_eq!(offsets(&ask("&from=30").await), [0; 0]);
    assert_eq!(offsets(&ask("&from=18446744073709551615").await), [0; 0]);
    assert_eq!(offsets(&ask("&limit=2&from_ms=1025").await), [25, 26]);
    assert_eq!(offsets(&ask("&from_ms=9000").await), [0; 0]);
    assert_eq!(offsets(&ask("&limit=2&from_ms=-5").await), [0, 1]);
    let all = ask("&limit=500").await;
    assert_eq!(offsets(&all), (0..30).collect::<Vec<_>>());
    assert_eq!((&all["cut"], &all["partitions"][0]["latest"]), (&json!(false), &json!(30)));
}

#[tokio::test]
async fn records_of_all_partitions_are_merged_by_time() {
    let (_dir, _broker, mut client, mut web) = with_topic(3).await;
    put(&mut client, 0, Codec::None, &[("a", 1), ("d", 4)]).await;
    put(&mut client, 2, Codec::None, &[("b", 2), ("c", 3), ("e", 5)]).await;
    let mut values = async |rest: &str| {
        let found = web.call(&format!("records?topic=t{rest}")).await;
        let records = found["records"].as_array().unwrap().clone();
        records.iter().map(|r| r["value"]["text"].as_str().unwrap()).collect::<String>()
    };
    assert_eq!(values("").await, "abcde");
    assert_eq!(values("&limit=2").await, "de");
    assert_eq!(values("&limit=2&from_ms=2").await, "bc");
}

#[tokio::test]
async fn a_record_is_shown_with_what_there_is_of_it() {
    let (_dir, _broker, mut client, mut web) = with_topic(1).await;
    let headers =
        [("trace".to_owned(), Some(Bytes::from_static(b"\xff"))), ("none".to_owned(), None)];
    let sealed = [("flymq.enc".to_owned(), Some(Bytes::from_static(b"\x01\x01\x042026salt")))];
    let marked = [("flymq.enc".to_owned(), None)];
    let mut batch = BatchBuilder::new();
    batch.push(Some(b"k"), Some(b"{\"a\":1}"), &headers, 7);
    batch.push(None, None, &[], 8);
    batch.push(None, Some(b"\x81\xa1a\x01"), &sealed, i64::MAX);
    batch.push(Some(b""), Some(b""), &marked, -1);
    client.call(&produce("t", 0, batch.build(Codec::None))).await.unwrap();
    let found = web.call("records?topic=t&partition=0").await;
    let text = |text: &str| json!({ "bytes": text.len(), "text": text, "truncated": false });
    assert_eq!(
        found["records"][0],
        json!({
            "partition": 0, "offset": 0, "timestamp_ms": 7,
            "key": text("k"), "value": text("{\"a\":1}"),
            "headers": [
                { "name": text("trace"), "value": { "bytes": 1, "base64": "/w==", "truncated": false } },
                { "name": text("none"), "value": null },
            ],
            "more_headers": 0, "encrypted": null,
        })
    );
    assert_eq!(
        (&found["records"][1]["key"], &found["records"][1]["value"]),
        (&json!(null), &json!(null))
    );
    let encrypted = json!({ "key_id": "2026", "headers_sealed": true, "no_value": false });
    assert_eq!(found["records"][2]["encrypted"], encrypted);
    assert_eq!(found["records"][2]["value"]["base64"], "gaFhAQ==");
    assert_eq!(found["records"][2]["timestamp_ms"], i64::MAX);
    assert_eq!(found["records"][3]["encrypted"]["key_id"], json!(null));
    assert_eq!(found["records"][3]["value"], text(""));
}

#[tokio::test]
async fn long_records_are_shown_in_part_and_answers_stay_small() {
    let (_dir, _broker, mut client, mut web) = with_topic(1).await;
    let long = "x".repeat(900_000);
    for codec in [Codec::None, Codec::Zstd] {
        for at in 0..20 {
            put(&mut client, 0, codec, &[(long.as_str(), at)]).await;
        }
    }
    let found = web.call("records?topic=t&partition=0&limit=10&max_value_bytes=10").await;
    assert_eq!(offsets(&found).last(), Some(&39), "the newest is there");
    let value = json!({ "bytes": 900_000, "text": "x".repeat(10), "truncated": true });
    assert_eq!(found["records"][0]["value"], value);
    // More than one answer takes, of what was read and of what is shown.
    for rest in ["", "&from=0"] {
        let whole = format!("records?topic=t&partition=0&limit=40&max_value_bytes=1048576{rest}");
        let answer = web.get(&format!("/api/v1/{whole}")).await;
        let found = answer.json();
        assert!(answer.body.len() < 5 << 20, "{}", answer.body.len());
        assert_eq!(found["cut"], true);
        let expected = if rest.is_empty() { 39 } else { 0 };
        assert!(offsets(&found).contains(&expected), "{rest} {:?}", offsets(&found));
    }
}

#[tokio::test]
async fn records_of_transactions_are_shown_once_they_are_committed() {
    let (_dir, broker, mut client, mut web) = with_topic(1).await;
    client.produce("t", 0, &["before"]).await;
    let mut txn = Txn::init(&broker, "tx").await;
    txn.begin().await;
    txn.produce("t", 0, "open").await;
    let mut count = async |rest: &str| {
        let found = web.call(&format!("records?topic=t&partition=0{rest}")).await;
        found["records"].as_array().unwrap().len()
    };
    assert_eq!((count("").await, count("&uncommitted=true").await), (1, 2));
    txn.abort().await;
    client.produce("t", 0, &["after"]).await;
    assert_eq!((count("").await, count("&limit=1").await), (2, 1));
    assert!(count("&uncommitted=true").await >= 3);
}

#[tokio::test]
async fn the_newest_are_found_behind_a_long_gap() {
    let (_dir, broker, mut client, mut web) = with_topic(1).await;
    client.produce("t", 0, &["before"]).await;
    let mut txn = Txn::init(&broker, "tx").await;
    txn.begin().await;
    for _ in 0..100 {
        txn.produce("t", 0, "gone").await;
    }
    txn.abort().await;
    let found = web.call("records?topic=t&partition=0&limit=3").await;
    assert_eq!(offsets(&found), [0]);
}
