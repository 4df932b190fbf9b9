//! What each view is told.

use std::time::Duration;

use flymq_protocol::messages::*;
use serde_json::{Value, json};

use crate::common::Client;
use crate::web::{Web, start};

/// Asks until an answer is as wanted; figures of the engine may be a second old.
async fn eventually(web: &mut Web, call: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let answer = web.call(call).await;
            if wanted(&answer) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.expect("it does not come")
}

fn subscribe(group: &str, member: &str, topic: &str) -> SubscribeRequest {
    SubscribeRequest {
        group: group.into(),
        member_id: member.into(),
        topics: vec![topic.into()],
        ..Default::default()
    }
}

#[tokio::test]
async fn a_broker_at_a_glance() {
    let (_dir, broker) = start(|_| {}).await;
    let mut web = Web::connect(&broker).await;
    let empty = web.call("overview").await;
    assert_eq!(empty["engine"], "embedded");
    assert_eq!(empty["status"], "ok");
    assert_eq!(empty["address"], broker.local_addr().to_string());
    assert_eq!((&empty["auth"], &empty["principal"]), (&json!(false), &json!(null)));
    assert_eq!((&empty["topics"], &empty["connections"]), (&json!(0), &json!(0)));

    let mut client = Client::connect(&broker).await;
    client.create("orders", 3, &[]).await;
    client.produce("orders", 1, &["one", "two"]).await;
    client.fetch("orders", 1, 0).await;
    let full = eventually(&mut web, "overview", |now| now["bytes"].as_u64() > Some(0)).await;
    assert_eq!((&full["topics"], &full["partitions"]), (&json!(1), &json!(3)));
    assert_eq!(full["produced"]["records"], 2);
    assert_eq!(full["consumed"]["records"], 2);
    assert_eq!(full["connections"], 1);
    assert!(full["uptime_ms"].as_u64() >= empty["uptime_ms"].as_u64());
}

#[tokio::test]
async fn topics_with_their_partitions_configuration_and_readers() {
    let (_dir, broker) = start(|_| {}).await;
    let mut client = Client::connect(&broker).await;
    client.create("orders", 2, &[("retention_ms", "3600000")]).await;
    client.create("idle", 1, &[]).await;
    client.produce("orders", 1, &["a", "b", "c"]).await;
    let offsets = vec![CommittedOffset {
        topic: "orders".into(),
        partition: 1,
        offset: Some(0),
        ..Default::default()
    }];
    let commit =
        CommitRequest { group: "billing".into(), generation: -1, offsets, ..Default::default() };
    client.call(&commit).await.unwrap();

    let mut web = Web::connect(&broker).await;
    let topics = web.call("topics").await;
    let names: Vec<_> = topics["topics"].as_array().unwrap().iter().map(|t| &t["name"]).collect();
    assert_eq!(names, ["idle", "orders"]);
    assert_eq!(topics["topics"][1]["produced"]["records"], 3);
    let topic = eventually(&mut web, "topic?name=orders", |t| t["groups"] != json!([])).await;
    assert_eq!(topic["config"]["retention_ms"], "3600000");
    let partition = json!({ "partition": 1, "earliest": 0, "latest": 3 });
    assert_eq!(topic["partitions"][1], partition);
    assert_eq!(topic["groups"][0]["group"], "billing");
    assert_eq!(topic["groups"][0]["lag"]["records"], 2);
    assert_eq!(web.refused("topic?name=other").await, (404, "UNKNOWN_TOPIC".into()));
    assert_eq!(web.refused("topic").await, (400, "INVALID_REQUEST".into()));
}

#[tokio::test]
async fn groups_with_who_holds_what_and_how_far_they_are() {
    let (_dir, broker) = start(|_| {}).await;
    let mut client = Client::connect(&broker).await;
    client.create("orders", 2, &[]).await;
    client.produce("orders", 0, &["a", "b", "c"]).await;
    let member = "5f0c8f8e-0000-4000-8000-000000000001";
    // A name may hold anything, so it is never a part of a path.
    let group = "a/../b ?&#%é";
    let joined = client.call(&subscribe(group, member, "orders")).await.unwrap();
    let owned = Some(joined.assignment.clone());
    let (group, member_id) = (group.to_owned(), member.to_owned());
    let generation = joined.generation;
    let beat = HeartbeatRequest {
        group: group.clone(),
        member_id: member_id.clone(),
        generation,
        owned,
        ..Default::default()
    };
    client.call(&beat).await.unwrap();
    let offsets =
        vec![CommittedOffset { topic: "orders".into(), offset: Some(0), ..Default::default() }];
    let commit = CommitRequest { group: group.clone(), member_id, generation, offsets };
    client.call(&commit).await.unwrap();

    let mut web = Web::connect(&broker).await;
    let groups = eventually(&mut web, "groups", |g| g["groups"][0]["lag"]["records"] == 2).await;
    let line = &groups["groups"][0];
    assert_eq!((&line["name"], &line["state"]), (&json!(group), &json!("stable")));
    assert_eq!(line["members"], 1);
    assert!(line["lag"]["age_ms"].as_u64() > Some(0), "records are of long ago: {line}");
    let found = web.call("group?name=a%2F..%2Fb+%3F%26%23%25%C3%A9").await;
    assert_eq!(found["members"][0]["member_id"], member);
    let held = json!([{ "topic": "orders", "partitions": [0, 1] }]);
    assert_eq!(found["members"][0]["assignment"], held);
    let place = &found["partitions"][0];
    assert_eq!(place["committed"], 0);
    assert_eq!((&place["latest"], &place["lag"]["records"]), (&json!(3), &json!(2)));
    assert_eq!(place["member_id"], member);
    let untouched = &found["partitions"][1];
    assert_eq!((&untouched["committed"], &untouched["lag"]), (&json!(null), &json!(null)));
    assert_eq!(web.refused("group?name=other").await, (404, "UNKNOWN_GROUP".into()));
}

#[tokio::test]
async fn who_is_connected_and_how_long_requests_take() {
    let (_dir, broker) = start(|_| {}).await;
    let mut web = Web::connect(&broker).await;
    let mut client = Client::connect_silently(&broker).await;
    let hello = HelloRequest { client_id: "till-7".into(), software: "test/1".into() };
    client.call(&hello).await.unwrap();
    client.create("orders", 1, &[]).await;
    client.produce("orders", 0, &["one"]).await;
    client.refused(&DescribeTopicRequest { name: "other".into() }).await;
    let found = web.call("connections").await;
    assert_eq!((&found["count"], &found["limit"]), (&json!(1), &json!(10_000)));
    let line = &found["connections"][0];
    assert_eq!((&line["client_id"], &line["software"]), (&json!("till-7"), &json!("test/1")));
    assert_eq!((&line["requests"], &line["tls"]), (&json!(4), &json!(false)));
    assert_eq!(line["address"], client.stream.local_addr().unwrap().to_string());
    drop(client);
    eventually(&mut web, "connections", |now| now["count"] == 0).await;

    let latencies = web.call("latencies").await;
    let operations = latencies["operations"].as_array().unwrap();
    let created = operations.iter().find(|one| one["operation"] == "CREATE_TOPIC").unwrap();
    assert_eq!(created["count"], 1);
    let buckets = created["buckets"].as_array().unwrap();
    assert!(buckets.is_sorted_by_key(|bucket| bucket[1].as_u64()), "{created}");
    let failed = json!([{ "operation": "DESCRIBE_TOPIC", "error": "UNKNOWN_TOPIC", "count": 1 }]);
    assert_eq!(latencies["errors"], failed);

    let engine = web.call("engine").await;
    assert!(engine["disk"]["free_bytes"].as_u64() > Some(0), "{engine}");
    assert_eq!(engine["transactions"]["open"], 0);
    assert!(engine["inflight_limit_bytes"].as_u64() >= Some(64 << 20));
    assert!(engine["metrics"]["flymq_storage_changes_total"].as_f64() > Some(0.0), "{engine}");
}
