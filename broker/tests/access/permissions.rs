//! Rules: what they allow and deny, how requests are answered in part, and when changes count.

use flymq_broker::ErrorCode;
use flymq_protocol::messages::*;

use crate::common::{batch, create, fetch, produce};
use crate::help::{Guarded, allow, rule, take_back, upsert};

const DENIED: u16 = ErrorCode::NotAuthorized as u16;

#[tokio::test]
async fn prefixes() {
    let guarded = Guarded::start().await;
    let mut ada =
        guarded.user("ada", &["allow create topic orders-*", "deny create topic orders-x"]).await;
    ada.call(&create("orders-1", 1, &[])).await.unwrap();
    for name in ["orders", "xorders-1", "orders-x"] {
        let refused = ada.refused(&create(name, 1, &[])).await;
        assert_eq!(refused.0, ErrorCode::NotAuthorized, "{name}");
        assert!(refused.1.contains("topic create") && refused.1.contains(name), "{}", refused.1);
    }
}

#[tokio::test]
async fn hidden_topics_look_like_unknown_ones() {
    let guarded = Guarded::start().await;
    let mut root = guarded.root().await;
    for topic in ["open", "secret"] {
        root.create(topic, 2, &[]).await;
    }
    let mut ada = guarded.user("ada", &["allow read topic open"]).await;
    let listed = ada.call(&ListTopicsRequest {}).await.unwrap().topics;
    assert_eq!(listed.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["open"]);
    let names = ["secret", "open", "nowhere"].map(str::to_owned).to_vec();
    let seen = ada.call(&MetadataRequest { topics: names }).await.unwrap().topics;
    let seen: Vec<_> = seen.iter().map(|t| (t.name.as_str(), t.partitions, t.error)).collect();
    assert_eq!(seen, [("secret", 0, DENIED), ("open", 2, 0), ("nowhere", 0, DENIED)]);
    // Every other operation answers alike for both.
    let mut answers = Vec::new();
    for name in ["secret", "nowhere"] {
        let (code, message) = ada.refused(&DescribeTopicRequest { name: name.into() }).await;
        answers.push((code, message.replace(name, "…")));
        let (code, message) = ada.refused(&produce(name, 0, batch(&["v"]))).await;
        answers.push((code, message.replace(name, "…")));
        let fetched = ada.fetch(name, 0, 0).await;
        assert_eq!((fetched.error, fetched.latest, fetched.earliest), (DENIED, 0, 0));
    }
    assert_eq!(answers[..2], answers[2..]);
    assert!(answers.iter().all(|(code, _)| *code == ErrorCode::NotAuthorized));
}

#[tokio::test]
async fn a_fetch_is_answered_in_part() {
    let guarded = Guarded::start().await;
    let mut root = guarded.root().await;
    for topic in ["mine", "other"] {
        root.create(topic, 1, &[]).await;
        root.produce(topic, 0, &["v"]).await;
    }
    let mut ada = guarded.user("ada", &["allow read topic mine"]).await;
    let mut request = fetch("other", 0, 0);
    request.topics.extend(fetch("mine", 0, 0).topics);
    // An error is news: the answer does not wait.
    (request.max_wait_ms, request.min_bytes) = (60_000, 1 << 20);
    let topics = ada.call(&request).await.unwrap().topics;
    let [mine, other] = &topics[..] else { panic!("{topics:?}") };
    assert_eq!((mine.topic.as_str(), mine.partitions[0].batches.len()), ("mine", 1));
    assert_eq!((other.topic.as_str(), other.partitions[0].error), ("other", DENIED));
    assert!(other.partitions[0].batches.is_empty());
}

#[tokio::test]
async fn revoking_counts_at_once() {
    let guarded = Guarded::start().await;
    let mut root = guarded.root().await;
    root.create("t", 1, &[]).await;
    let mut ada = guarded.user("ada", &["allow write topic t", "allow read topic t"]).await;
    for _ in 0..3 {
        ada.produce("t", 0, &["v"]).await;
        take_back(&mut root, "ada").await;
        assert_eq!(ada.refused(&produce("t", 0, batch(&["v"]))).await.0, ErrorCode::NotAuthorized);
        allow(&mut root, "ada", &["allow write topic t", "allow read topic t"]).await;
    }
    // Also for a request that waits: what comes in later is not shown any more.
    let mut waiting = fetch("t", 0, 3);
    waiting.max_wait_ms = 60_000;
    let id = ada.send(&waiting).await;
    // Its turn comes before the answer to what is asked next on the same connection.
    assert!(ada.call_after(id, &WhoamiRequest {}).await.is_ok());
    take_back(&mut root, "ada").await;
    root.produce("t", 0, &["secret"]).await;
    let topics = ada.answer::<FetchRequest>(id).await.unwrap().topics;
    assert_eq!(topics[0].partitions[0].error, DENIED);
    assert!(topics[0].partitions[0].batches.is_empty());
}

#[tokio::test]
async fn roles() {
    let guarded = Guarded::start().await;
    let mut root = guarded.root().await;
    root.create("t", 1, &[]).await;
    let (write, read) = (produce("t", 0, batch(&["v"])), fetch("t", 0, 0));
    for (role, writes, reads, users) in [
        ("admin", true, true, true),
        ("producer", true, false, false),
        ("consumer", false, true, false),
        ("reader", false, true, false),
        ("billing", false, false, false),
    ] {
        let roles = Some(vec![role.to_owned()]);
        root.call(&UpsertUserRequest { roles, ..upsert(role, role) }).await.unwrap();
        let mut user = guarded.client(role, role).await;
        assert_eq!(user.call(&write).await.is_ok(), writes, "{role}");
        let fetched = user.call(&read).await.unwrap().topics[0].partitions[0].error;
        assert_eq!(fetched == 0, reads, "{role}");
        assert_eq!(user.call(&ListUsersRequest {}).await.is_ok(), users, "{role}");
    }
    // A role of one's own, and a rule for everybody.
    let mut billing = guarded.client("billing", "billing").await;
    let own = Acl { principal: "role:billing".into(), ..rule("", "allow write topic t") };
    root.call(&AddAclsRequest { acls: vec![own] }).await.unwrap();
    billing.call(&write).await.unwrap();
    let all = Acl { principal: "*".into(), ..rule("", "deny write topic t") };
    root.call(&AddAclsRequest { acls: vec![all] }).await.unwrap();
    assert_eq!(billing.refused(&write).await.0, ErrorCode::NotAuthorized);
    assert_eq!(root.refused(&write).await.0, ErrorCode::NotAuthorized);
}

#[tokio::test]
async fn users_and_rules_are_administered() {
    let guarded = Guarded::start().await;
    let mut root = guarded.root().await;
    let made = root.call(&UpsertUserRequest { exists: Some(false), ..upsert("ada", "x") }).await;
    assert!(made.unwrap().created);
    let again = UpsertUserRequest { exists: Some(false), ..upsert("ada", "x") };
    assert_eq!(root.refused(&again).await.0, ErrorCode::UserExists);
    let missing = UpsertUserRequest { exists: Some(true), ..upsert("eve", "x") };
    assert_eq!(root.refused(&missing).await.0, ErrorCode::UnknownUser);
    assert_eq!(
        root.refused(&DeleteUserRequest { name: "eve".into() }).await.0,
        ErrorCode::UnknownUser
    );
    let certificate =
        |name: &str| UpsertUserRequest { certificate: Some("CN=x".into()), ..upsert(name, "x") };
    root.call(&certificate("ada")).await.unwrap();
    let mut bad = vec![upsert("", "x"), upsert("a\nb", "x"), certificate("eve")];
    let spoil: [fn(&mut Credentials); 5] = [
        |c| c.iterations = 4095,
        |c| c.iterations = 1_000_001,
        |c| c.salt = vec![0; 7].into(),
        |c| c.stored_key = vec![0; 31].into(),
        |c| c.server_key = vec![0; 33].into(),
    ];
    for spoil in spoil {
        let mut request = upsert("eve", "x");
        spoil(request.credentials.as_mut().unwrap());
        bad.push(request);
    }
    for bad in bad {
        assert_eq!(root.refused(&bad).await.0, ErrorCode::InvalidRequest, "{bad:?}");
    }
    let users = root.call(&ListUsersRequest {}).await.unwrap().users;
    let ada = UserInfo {
        name: "ada".into(),
        has_password: true,
        certificate: "CN=x".into(),
        ..Default::default()
    };
    assert_eq!((users.len(), &users[0]), (2, &ada));

    let rules = vec![rule("ada", "allow read topic a"), rule("ada", "deny read topic b")];
    let add = AddAclsRequest { acls: rules.clone() };
    assert_eq!(root.call(&add).await.unwrap().added, 2);
    assert_eq!(root.call(&add).await.unwrap().added, 0);
    let filter = AclFilter { permission: Some("deny".into()), ..Default::default() };
    let listed = root.call(&ListAclsRequest { filter: filter.clone() }).await.unwrap().acls;
    assert_eq!(listed, rules[1..]);
    assert_eq!(root.call(&RemoveAclsRequest { filter }).await.unwrap().removed, rules[1..]);
    let many = vec![rule("ada", "allow read topic a"); MAX_ACLS_ADDED + 1];
    assert_eq!(root.refused(&AddAclsRequest { acls: many }).await.0, ErrorCode::InvalidRequest);
    let wrong = Acl { operation: "any".into(), ..rules[0].clone() };
    assert_eq!(
        root.refused(&AddAclsRequest { acls: vec![wrong] }).await.0,
        ErrorCode::InvalidRequest
    );
    // Rules go with their user: the next one of that name begins with nothing.
    root.call(&DeleteUserRequest { name: "ada".into() }).await.unwrap();
    let filter = AclFilter::default();
    assert!(root.call(&ListAclsRequest { filter }).await.unwrap().acls.is_empty());
}
