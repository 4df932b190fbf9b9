//! Users see in the console what they see through the protocol.

use flymq_broker::Broker;
use flymq_protocol::messages::*;
use serde_json::{Value, json};

use crate::common::Client;
use crate::help::{allow, auth, log_in, rule, upsert};
use crate::web::{Web, start};

async fn root(broker: &Broker) -> Client {
    let mut client = Client::connect_silently(broker).await;
    log_in(&mut client, "root", "toor").await.unwrap();
    client
}

/// A broker with the topics `mine` and `other`, each read by a group of its name, and `ada`, who may
/// what `rules` say.
async fn guarded(rules: &[&str]) -> (tempfile::TempDir, Broker, Client) {
    let (dir, broker) = start(|config| config.auth = Some(auth())).await;
    let mut client = root(&broker).await;
    client.call(&upsert("ada", "secret")).await.unwrap();
    allow(&mut client, "ada", rules).await;
    for name in ["mine", "other"] {
        client.create(name, 1, &[]).await;
        client.produce(name, 0, &["a", "b"]).await;
    }
    for name in ["mine", "other"] {
        // Both groups have read both topics.
        let committed = |topic: &str| CommittedOffset {
            topic: topic.into(),
            offset: Some(0),
            ..Default::default()
        };
        let offsets = ["mine", "other"].map(committed).to_vec();
        let commit =
            CommitRequest { group: name.into(), generation: -1, offsets, ..Default::default() };
        assert_eq!(client.call(&commit).await.unwrap().failed, []);
    }
    (dir, broker, client)
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn nothing_is_told_without_a_password() {
    let (_dir, broker, _root) = guarded(&[]).await;
    let calls = [
        "overview",
        "topics",
        "topic?name=mine",
        "records?topic=mine",
        "groups",
        "group?name=mine",
        "connections",
        "latencies",
        "engine",
        "nothing",
    ];
    for call in calls {
        let mut web = Web::connect(&broker).await;
        let answer = web.get(&format!("/api/v1/{call}")).await;
        assert_eq!(answer.error(), (401, "AUTH_REQUIRED".into()), "{call}");
        assert!(answer.head.contains("www-authenticate: basic realm=\"flymq\""), "{}", answer.head);
        assert!(!answer.body.contains("mine"));
    }
    // The page tells nothing, and asks for user and password itself.
    assert_eq!(Web::connect(&broker).await.get("/").await.status, 200);
}

#[tokio::test]
async fn wrong_passwords_are_refused_as_the_protocol_refuses_them() {
    let (_dir, broker, _root) = guarded(&[]).await;
    for (user, password) in [("ada", "wrong"), ("nobody", "secret"), ("ada", ""), ("", "secret")] {
        let mut web = Web::log_in(&broker, user, password).await;
        assert_eq!(web.refused("overview").await, (401, "AUTH_FAILED".into()), "{user}");
    }
    for header in ["Basic", "Basic !", "Bearer x", "Basic YWRh"] {
        let mut web = Web::connect(&broker).await;
        web.headers = format!("Authorization: {header}\r\n");
        assert_eq!(web.refused("overview").await.0, 401, "{header}");
    }
    // As a session that fails too often is closed.
    let mut web = Web::log_in(&broker, "ada", "wrong").await;
    for _ in 0..4 {
        web.refused("overview").await;
    }
    let last = web.get("/api/v1/overview").await;
    assert!(last.head.contains("connection: close"), "{}", last.head);
    assert!(web.is_closed().await);
}

#[tokio::test]
async fn who_guesses_is_slowed_down() {
    let (_dir, broker) = start(|config| {
        let mut auth = auth();
        auth.throttle.free_failures = 1;
        auth.throttle.first_delay = std::time::Duration::from_secs(3600);
        auth.throttle.max_delay = std::time::Duration::from_secs(3600);
        config.auth = Some(auth);
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        // Each on a connection of its own: that gets nobody further.
        statuses.push(Web::log_in(&broker, "root", "wrong").await.refused("overview").await);
    }
    assert_eq!(statuses[2], (429, "OVERLOADED".into()), "{statuses:?}");
    // Not even with the right password.
    let mut web = Web::log_in(&broker, "root", "toor").await;
    assert_eq!(web.refused("overview").await, (429, "OVERLOADED".into()));
}

#[tokio::test]
async fn a_user_sees_what_the_rules_allow_and_no_more() {
    let (_dir, broker, _root) =
        guarded(&["allow describe topic mine", "allow describe group mine"]).await;
    let mut web = Web::log_in(&broker, "ada", "secret").await;
    let overview = web.call("overview").await;
    assert_eq!(overview["principal"], "ada");
    assert_eq!((&overview["topics"], &overview["groups"]), (&json!(1), &json!(1)));
    assert_eq!(overview["produced"]["records"], 2, "of what may be seen");
    assert_eq!(overview["lag"]["records"], 1, "of what may be seen");
    assert_eq!(overview["connections"], json!(null));
    assert_eq!(names(&web.call("topics").await["topics"]), ["mine"]);
    let groups = web.call("groups").await;
    assert_eq!(names(&groups["groups"]), ["mine"]);
    let topic = web.call("topic?name=mine").await;
    assert_eq!(topic["groups"].as_array().unwrap().len(), 1, "the other group is not told of");
    let group = web.call("group?name=mine").await;
    let topics: Vec<_> =
        group["partitions"].as_array().unwrap().iter().map(|p| &p["topic"]).collect();
    assert_eq!(topics, ["mine"], "the other topic is not told of");
    for call in [
        "topic?name=other",
        "group?name=other",
        "records?topic=mine",
        "records?topic=other",
        "connections",
        "latencies",
        "engine",
    ] {
        let answer = web.get(&format!("/api/v1/{call}")).await;
        assert_eq!(answer.error(), (403, "NOT_AUTHORIZED".into()), "{call}");
    }
    // Whether there is such a topic is not told either.
    assert_eq!(web.refused("topic?name=nothing").await, (403, "NOT_AUTHORIZED".into()));
}

#[tokio::test]
async fn permissions_hold_as_of_now() {
    let (_dir, broker, mut root) =
        guarded(&["allow read topic mine", "allow describe cluster *"]).await;
    let mut web = Web::log_in(&broker, "ada", "secret").await;
    assert_eq!(web.call("records?topic=mine").await["records"].as_array().unwrap().len(), 2);
    web.call("engine").await;
    let users: Vec<_> = web.call("connections").await["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["user"].clone())
        .collect();
    assert_eq!(users, ["root"]);
    root.call(&AddAclsRequest { acls: vec![rule("ada", "deny read topic mine")] }).await.unwrap();
    assert_eq!(web.refused("records?topic=mine").await, (403, "NOT_AUTHORIZED".into()));
    // On the same connection, with the header that it was authenticated with.
    root.call(&upsert("ada", "changed")).await.unwrap();
    assert_eq!(web.refused("overview").await, (401, "AUTH_FAILED".into()));
    web.set_user("ada", "changed");
    web.call("overview").await;
}

#[tokio::test]
async fn a_connection_may_be_shared_by_users() {
    let (_dir, broker, _root) = guarded(&["allow describe topic mine"]).await;
    let mut web = Web::log_in(&broker, "root", "toor").await;
    assert_eq!(names(&web.call("topics").await["topics"]), ["mine", "other"]);
    web.set_user("ada", "secret");
    assert_eq!(web.call("overview").await["principal"], "ada");
    assert_eq!(names(&web.call("topics").await["topics"]), ["mine"]);
    web.set_user("ada", "wrong");
    assert_eq!(web.refused("topics").await, (401, "AUTH_FAILED".into()));
    web.headers.clear();
    assert_eq!(web.refused("topics").await, (401, "AUTH_REQUIRED".into()));
    web.set_user("root", "toor");
    assert_eq!(web.call("overview").await["principal"], "root");
}
