//! What is committed, when, and by whom.

mod common;

use std::time::Duration;

use common::members::*;
use common::*;
use flymq_core::*;

/// A topic `t` of one partition with 20 records.
async fn twenty() -> (tempfile::TempDir, flymq_broker::Broker, Client) {
    let (dir, broker, address) = broker().await;
    let client = Client::with_config(config(&address)).await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    fill(&client, "t", 0..20).await;
    (dir, broker, client)
}

fn subscribed(builder: ConsumerBuilder) -> Consumer {
    let consumer = builder.build();
    consumer.subscribe(["t"]).unwrap();
    consumer
}

fn slot() -> [TopicPartition; 1] {
    [TopicPartition::new("t", 0)]
}

/// The last offset that group `g` has processed.
async fn processed(client: &Client) -> Option<i64> {
    client.group_offsets("g").await.unwrap().first().map(|o| o.offset)
}

/// Waits until group `g` has processed just that much.
async fn reaches(client: &Client, offset: i64) {
    let reached = async {
        while processed(client).await != Some(offset) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, reached).await.expect("it is never committed");
}

#[tokio::test]
async fn auto_commit_takes_what_the_application_came_back_for() {
    let (_dir, _broker, client) = twenty().await;
    let builder = client.consumer().group("g").auto_commit(Duration::from_millis(20));
    let mut consumer = subscribed(builder.clone());
    assert_eq!(consumer.poll(5, LONG).await.unwrap().len(), 5);
    assert_eq!(consumer.poll(5, LONG).await.unwrap().len(), 5);
    reaches(&client, 4).await;
    // However often the timer fires: the second five are still being worked on. Another group's
    // commits show that time goes by.
    let mut clock = client.consumer().group("clock").auto_commit(Duration::from_millis(20)).build();
    clock.subscribe(["t"]).unwrap();
    for _ in 0..5 {
        let before = client.metrics().commits;
        let deadline = std::time::Instant::now() + LONG;
        while client.metrics().commits == before {
            assert!(std::time::Instant::now() < deadline, "nothing is committed");
            clock.poll(1, Duration::from_millis(5)).await.unwrap();
            clock.seek_to("t", 0, 0).ok();
        }
    }
    assert_eq!(processed(&client).await, Some(4));
    // Dropped while it works, it has not processed them.
    assert_eq!(consumer.poll(5, LONG).await.unwrap().len(), 5);
    drop(consumer);
    let mut next = subscribed(builder);
    assert_eq!(next.poll(3, LONG).await.unwrap()[0].offset, 10);
    // Closing says that they are.
    next.close(LONG).await.unwrap();
    assert_eq!(processed(&client).await, Some(12));
}

#[tokio::test]
async fn a_poll_that_waits_lets_what_was_processed_be_committed() {
    let (_dir, _broker, client) = twenty().await;
    let builder = client.consumer().group("g").auto_commit(Duration::from_millis(20));
    let mut consumer = subscribed(builder);
    let mut tally = Tally::default();
    drive(&mut [&mut consumer], &mut tally, |_, tally| tally.has_all(20)).await;
    tokio::select! {
        messages = consumer.poll(1, LONG * 2) => panic!("{messages:?}"),
        () = reaches(&client, 19) => {}
    }
}

#[tokio::test]
async fn commits_by_hand() {
    let (_dir, _broker, client) = twenty().await;
    let mut consumer = subscribed(client.consumer().group("g").auto_commit(None));
    let messages = consumer.poll(10, LONG).await.unwrap();
    assert_eq!(consumer.committed(slot()).await.unwrap(), []);
    consumer.commit_record(&messages[3]).await.unwrap();
    assert_eq!(processed(&client).await, Some(3));
    let noted = GroupOffset::new("t", 0, 5).metadata("half of it");
    consumer.commit_offsets([noted.clone()]).await.unwrap();
    assert_eq!(consumer.committed(slot()).await.unwrap(), [noted]);
    consumer.commit().await.unwrap();
    assert_eq!(processed(&client).await, Some(9));

    // In the order in which they were begun, whether or not anybody waits.
    let commits: Vec<_> = (0..200)
        .map(|i| consumer.commit_offsets_async([GroupOffset::new("t", 0, i % 19)]))
        .collect();
    let last = consumer.commit_offsets_async([GroupOffset::new("t", 0, 7)]);
    last.await.unwrap();
    assert_eq!(processed(&client).await, Some(7));
    for commit in commits {
        commit.await.unwrap();
    }
    assert_eq!(processed(&client).await, Some(7));

    let long = GroupOffset::new("t", 0, 8).metadata("x".repeat(5_000));
    let error = consumer.commit_offsets([long]).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidRequest), "{error}");
    let error = consumer.commit_offsets([GroupOffset::new("t", 9, 1)]).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::StaleGeneration), "{error}");
    assert_eq!(processed(&client).await, Some(7));

    // Nothing is committed behind the application's back, not at the end either.
    consumer.close(LONG).await.unwrap();
    assert_eq!(processed(&client).await, Some(7));
    let mut next = subscribed(client.consumer().group("g"));
    assert_eq!(next.poll(1, LONG).await.unwrap()[0].offset, 8);
}

#[tokio::test]
async fn seeking_back_is_committed_too() {
    let (_dir, _broker, client) = twenty().await;
    let mut consumer = subscribed(client.consumer().group("g"));
    let mut tally = Tally::default();
    drive(&mut [&mut consumer], &mut tally, |_, tally| tally.has_all(20)).await;
    consumer.commit().await.unwrap();
    assert_eq!(processed(&client).await, Some(19));
    consumer.seek("t", 0, StartOffset::Offset(4)).await.unwrap();
    assert_eq!(consumer.poll(2, LONG).await.unwrap()[1].offset, 5);
    consumer.close(LONG).await.unwrap();
    assert_eq!(processed(&client).await, Some(5));
}

#[tokio::test]
async fn where_a_group_begins() {
    let (_dir, _broker, client) = twenty().await;
    let latest = client.consumer().group("late").auto_offset_reset(OffsetReset::Latest);
    let mut consumer = subscribed(latest);
    share(&mut [&mut consumer], &[1]).await;
    assert_eq!(consumer.position("t", 0).unwrap(), 20);
    // So that nothing is missed that comes before it is back.
    consumer.close(LONG).await.unwrap();
    assert_eq!(client.group_offsets("late").await.unwrap()[0].next(), 20);

    let strict = client.consumer().group("g").auto_offset_reset(OffsetReset::Error);
    let mut consumer = subscribed(strict);
    let error = consumer.poll(1, LONG).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::OffsetOutOfRange));
    assert!(error.message().contains("no committed offset"), "{error}");
    assert_eq!(held(&consumer), [0]);
    consumer.commit().await.unwrap();
    assert_eq!(processed(&client).await, None, "there is no position");
    consumer.seek("t", 0, StartOffset::Offset(18)).await.unwrap();
    assert_eq!(consumer.next().await.unwrap().offset, 18);
    let error = consumer.seek("t", 1, StartOffset::Earliest).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidArgument));
}

#[tokio::test]
async fn partitions_assigned_by_hand_have_offsets_too() {
    let (_dir, _broker, client) = twenty().await;
    let mut consumer = client.consumer().group("g").build();
    consumer.assign([("t".to_owned(), 0, StartOffset::Earliest)]).await.unwrap();
    let error = consumer.subscribe(["t"]).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidArgument));
    assert_eq!(consumer.poll(7, LONG).await.unwrap().len(), 7);
    consumer.commit().await.unwrap();
    assert_eq!(processed(&client).await, Some(6));
    assert_eq!(consumer.poll(7, LONG).await.unwrap().len(), 7);
    // Not while there are members, whose partition it may be.
    let mut member = subscribed(client.consumer().group("g"));
    assert_eq!(member.poll(1, LONG).await.unwrap()[0].offset, 7);
    let error = consumer.commit().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GroupNotEmpty), "{error}");
    let error = member.assign([("t".to_owned(), 0, StartOffset::Earliest)]).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidArgument));
    member.unsubscribe().await.unwrap();
    assert_eq!(processed(&client).await, Some(7), "unsubscribing gives up as a rebalance does");
    member.assign([("t".to_owned(), 0, StartOffset::Earliest)]).await.unwrap();
    assert_eq!(member.next().await.unwrap().offset, 0);

    let loner = client.consumer().build();
    for error in [loner.subscribe(["t"]).unwrap_err(), loner.commit().await.unwrap_err()] {
        assert_eq!(error.code(), Some(ErrorCode::InvalidArgument));
        assert!(error.message().contains("no group"), "{error}");
    }
}

#[tokio::test]
async fn groups_from_outside() {
    let (_dir, broker, client) = twenty().await;
    client.add_partitions("t", 2).await.unwrap();
    let config = config(&broker.local_addr().to_string());
    let newcomer = Client::with_config(config).await.unwrap();
    let mut consumer = subscribed(client.consumer().group("g").assignor(Assignor::Range));
    let mut tally = Tally::default();
    drive(&mut [&mut consumer], &mut tally, |_, tally| tally.has_all(20)).await;
    consumer.commit().await.unwrap();
    fill(&newcomer, "t", 20..26).await;

    let groups = client.list_groups().await.unwrap();
    assert_eq!(groups.iter().map(|g| (&*g.group, g.members)).collect::<Vec<_>>(), [("g", 1)]);
    let description = client.describe_group("g").await.unwrap();
    assert_eq!(description.assignor, "range");
    assert_eq!(description.state, GroupState::Stable);
    let metadata = consumer.group_metadata().unwrap();
    assert_eq!(metadata.group(), "g");
    let [member] = &description.members[..] else { panic!("{description:?}") };
    assert_eq!(member.member_id, metadata.member_id());
    assert_eq!(member.generation, metadata.generation());
    assert_eq!(member.assignment.len(), 2);
    let lags = client.group_lag("g").await.unwrap();
    assert_eq!(lags.iter().map(|l| l.lag).collect::<Vec<_>>(), [Some(3), Some(3)]);
    assert_eq!(lags[0].committed, Some(19));
    assert_eq!(lags[0].end, 23);

    for error in [
        client.reset_group_offsets("g", "t", None, StartOffset::Earliest).await.unwrap_err(),
        client.delete_group("g").await.unwrap_err(),
    ] {
        assert_eq!(error.code(), Some(ErrorCode::GroupNotEmpty), "{error}");
    }
    consumer.close(LONG).await.unwrap();
    let reset = |to| client.reset_group_offsets("g", "t", None, to);
    let next = |offsets: Vec<GroupOffset>| offsets.iter().map(|o| o.next()).collect::<Vec<_>>();
    assert_eq!(next(reset(StartOffset::Earliest).await.unwrap()), [0, 0]);
    assert_eq!(next(reset(StartOffset::Latest).await.unwrap()), [23, 3]);
    assert_eq!(next(reset(StartOffset::Timestamp(i64::MAX)).await.unwrap()), [23, 3]);
    assert_eq!(next(reset(StartOffset::Offset(2)).await.unwrap()), [2, 2]);
    let error = reset(StartOffset::Offset(9)).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::OffsetOutOfRange));
    assert!(error.message().contains("0 to 3, and not 9"), "{error}");
    let one = client.reset_group_offsets("g", "t", Some(&[0]), StartOffset::Offset(9)).await;
    assert_eq!(next(one.unwrap()), [9]);
    assert_eq!(next(client.group_offsets("g").await.unwrap()), [9, 2]);
    client.delete_group("g").await.unwrap();
    assert_eq!(client.group_offsets("g").await.unwrap(), []);
    let error = client.describe_group("g").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownGroup));
}

#[tokio::test]
async fn gaps_are_committed_as_passed_over() {
    let (_dir, broker, client) = twenty().await;
    broker.embedded().unwrap().skip_offsets("t", 0, 5).unwrap();
    let mut consumer = subscribed(client.consumer().group("g"));
    while consumer.assignment().is_empty() || consumer.position("t", 0).unwrap() < 25 {
        consumer.poll(7, Duration::from_millis(10)).await.unwrap();
    }
    consumer.close(LONG).await.unwrap();
    assert_eq!(processed(&client).await, Some(24));
    assert_eq!(client.group_lag("g").await.unwrap()[0].lag, Some(0));
    fill(&client, "t", 20..21).await;
    let mut next = subscribed(client.consumer().group("g"));
    assert_eq!(next.next().await.unwrap().offset, 25);
}
