//! Memberships without a broker.

use std::time::Duration;

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::{HeartbeatResponse, SubscribeResponse, TopicPartitions};
use tokio::time::Instant;

use super::view::Step;
use super::{Change, GroupOptions, Place, Slots, Topics, View};
use crate::error::Error;
use crate::record::TopicPartition;

const INTERVAL: Duration = Duration::from_secs(1);

fn wire(partitions: &[u32]) -> Vec<TopicPartitions> {
    let partitions = partitions.to_vec();
    if partitions.is_empty() {
        return Vec::new();
    }
    vec![TopicPartitions { topic: "t".into(), partitions }]
}

fn slots(partitions: &[u32]) -> Slots {
    partitions.iter().map(|&p| TopicPartition::new("t", p)).collect()
}

/// A view with its broker and its application, at a time that is told it.
struct Play {
    view: View,
    options: GroupOptions,
    now: Instant,
}

impl Play {
    fn start() -> Self {
        let now = Instant::now();
        let mut view = View::new(now);
        let topics = Topics { names: vec!["t".into()], pattern: None };
        view.wish(Some(topics), now);
        Self { view, options: GroupOptions::new("g".into()), now }
    }

    /// A member that holds these.
    fn holding(partitions: &[u32]) -> Self {
        let mut play = Self::start();
        play.joins(1, partitions);
        play.place();
        assert_eq!(play.assigned(), slots(partitions));
        assert!(play.view.change().is_none());
        play
    }

    fn step(&mut self) -> Step {
        self.view.next_step(&self.options, self.now)
    }

    fn joins(&mut self, generation: i32, partitions: &[u32]) {
        let Step::Subscribe(request) = self.step() else { panic!("it does not join") };
        assert_eq!(request.generation, 0);
        let answer = SubscribeResponse {
            generation,
            heartbeat_interval_ms: INTERVAL.as_millis() as u32,
            assignment: wire(partitions),
        };
        let wishes = self.view.wishes();
        self.view.subscribed(wishes, true, answer, self.now);
    }

    /// The next step is a heartbeat; what it says is held.
    fn heartbeat(&mut self) -> Option<Vec<TopicPartitions>> {
        match self.step() {
            Step::Heartbeat(request) => request.owned,
            step => panic!("{step:?}"),
        }
    }

    fn is_quiet(&mut self) -> bool {
        matches!(self.step(), Step::Wait(_))
    }

    fn answer(&mut self, generation: i32, partitions: Option<&[u32]>) {
        let answer = HeartbeatResponse {
            generation,
            heartbeat_interval_ms: INTERVAL.as_millis() as u32,
            assignment: partitions.map(wire),
        };
        self.view.heartbeat(answer, self.now);
    }

    /// Finds out where to begin.
    fn place(&mut self) {
        let place = |(slot, serial)| (slot, serial, Place::Committed(0));
        let unplaced = self.view.unplaced();
        self.view.placed(unplaced.into_iter().map(place).collect());
    }

    fn assigned(&mut self) -> Slots {
        match self.view.change() {
            Some(Change::Assigned(places)) => places.into_iter().map(|(slot, _)| slot).collect(),
            change => panic!("{change:?}"),
        }
    }

    fn revoked(&mut self) -> Slots {
        match self.view.change() {
            Some(Change::Revoked(slots)) => slots,
            change => panic!("{change:?}"),
        }
    }

    fn lost(&mut self) -> Slots {
        match self.view.change() {
            Some(Change::Lost(slots)) => slots,
            change => panic!("{change:?}"),
        }
    }
}

#[test]
fn heartbeats_come_when_they_are_due() {
    let mut play = Play::holding(&[0, 1]);
    assert!(play.is_quiet());
    play.now += INTERVAL;
    assert_eq!(play.heartbeat(), None);
    // Not answered, it says more.
    play.view.say();
    assert_eq!(play.heartbeat(), Some(wire(&[0, 1])));
    play.answer(1, Some(&[0, 1]));
    assert!(play.is_quiet());
    assert!(play.view.change().is_none());
}

#[test]
fn what_is_taken_away_is_said_to_be_held_until_the_application_gives_it_up() {
    let mut play = Play::holding(&[0, 1]);
    play.now += INTERVAL;
    play.heartbeat();
    play.answer(1, Some(&[0, 2]));
    assert_eq!(play.heartbeat(), Some(wire(&[0, 1, 2])));
    play.answer(1, Some(&[0, 2]));
    assert_eq!(play.revoked(), slots(&[1]));
    assert!(play.view.holding(&TopicPartition::new("t", 1)).is_some(), "it may be committed");
    play.view.give_up(&slots(&[1]));
    assert!(play.view.holding(&TopicPartition::new("t", 1)).is_none());
    assert_eq!(play.heartbeat(), Some(wire(&[0, 2])), "at once");
    play.answer(2, Some(&[0, 2]));
    assert!(play.view.change().is_none(), "it is not known where to begin with the new one");
    play.place();
    assert_eq!(play.assigned(), slots(&[2]));
}

#[test]
fn what_was_not_begun_with_is_given_up_without_the_application() {
    let mut play = Play::holding(&[0]);
    play.answer(2, Some(&[0, 1]));
    play.answer(2, Some(&[0]));
    assert!(play.view.change().is_none());
    assert_eq!(play.heartbeat(), Some(wire(&[0])));
}

#[test]
fn a_position_found_for_an_earlier_time_is_not_taken() {
    let mut play = Play::holding(&[0]);
    play.answer(2, Some(&[0, 1]));
    let unplaced = play.view.unplaced();
    play.answer(2, Some(&[0]));
    play.answer(3, Some(&[0, 1]));
    let late = unplaced.into_iter().map(|(slot, serial)| (slot, serial, Place::Committed(5)));
    play.view.placed(late.collect());
    assert!(play.view.change().is_none());
    play.place();
    assert_eq!(play.assigned(), slots(&[1]));
}

#[test]
fn one_that_was_put_out_joins_again_and_holds_nothing_of_before() {
    let mut play = Play::holding(&[0, 1]);
    let acting = play.view.acting().cloned();
    play.view.expelled();
    assert!(play.view.has_lost());
    play.joins(7, &[1, 2]);
    assert_eq!(play.view.acting().cloned(), acting, "nobody is told yet");
    let kept = TopicPartition::new("t", 1);
    assert!(play.view.holding(&kept).is_none(), "others may have had it in between");
    play.place();
    assert_eq!(play.lost(), slots(&[0, 1]));
    play.place();
    assert_eq!(play.assigned(), slots(&[1, 2]));
    assert!(play.view.holding(&kept).is_some());
    assert_eq!(play.view.acting().unwrap().1, 7);
}

#[test]
fn one_whose_application_does_not_poll_leaves_until_it_does() {
    let mut play = Play::holding(&[0]);
    let id = play.view.identity().unwrap().0;
    let limit = play.options.max_poll_interval;
    assert!(!play.view.enter_poll(play.now, limit));
    play.now += limit * 2;
    assert!(matches!(play.step(), Step::Heartbeat(_)), "it polls, however long that takes");
    play.answer(1, None);
    play.view.exit_poll(play.now);
    assert!(play.is_quiet());
    play.now += limit;
    let Step::Leave(request) = play.step() else { panic!("it stays") };
    assert!(!request.returning);
    play.view.left();
    assert!(play.is_quiet(), "it does not join for nobody");
    assert!(play.view.enter_poll(play.now, limit));
    assert_eq!(play.lost(), slots(&[0]));
    play.joins(1, &[0]);
    assert_ne!(play.view.identity().unwrap().0, id);
}

#[test]
fn other_topics_are_asked_for_without_leaving() {
    let mut play = Play::holding(&[0]);
    let topics = Topics { names: Vec::new(), pattern: Some("u.*".into()) };
    play.view.wish(Some(topics), play.now);
    let Step::Subscribe(request) = play.step() else { panic!("it does not ask") };
    assert_eq!((request.generation, request.pattern.as_deref()), (1, Some("u.*")));
    let answer = SubscribeResponse { generation: 1, ..Default::default() };
    let wishes = play.view.wishes();
    play.view.subscribed(wishes, false, answer, play.now);
    assert_eq!(play.revoked(), slots(&[0]));
}

#[test]
fn unsubscribing_leaves_once_everything_is_given_up() {
    let mut play = Play::holding(&[0]);
    play.view.wish(None, play.now);
    assert!(play.is_quiet(), "it is a member as long as it holds anything");
    assert_eq!(play.revoked(), slots(&[0]));
    play.view.give_up(&slots(&[0]));
    assert!(matches!(play.step(), Step::Leave(_)));
    play.view.left();
    assert!(!play.view.is_in_use());
}

#[test]
fn closing_gives_up_but_leaves_the_last_word_for_later() {
    let mut play = Play::holding(&[0]);
    play.view.close();
    assert_eq!(play.revoked(), slots(&[0]));
    play.view.give_up(&slots(&[0]));
    play.heartbeat();
    assert!(play.is_quiet());
    assert!(play.view.farewell(&play.options).unwrap().returning);
    // Put out now, it does not come back.
    play.view.expelled();
    assert!(play.is_quiet());
    assert!(play.view.farewell(&play.options).is_none());
}

#[test]
fn an_error_that_is_final_ends_it() {
    let mut play = Play::holding(&[0]);
    play.view.fail(Error::new(ErrorCode::InstanceFenced, "heartbeat", "taken"));
    assert!(play.is_quiet());
    assert_eq!(play.lost(), slots(&[0]));
    assert!(play.view.failed().is_some());
}
