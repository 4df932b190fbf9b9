//! Sets of partitions, and the topics that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flymq_protocol::messages::TopicPartitions;
use serde::{Deserialize, Serialize};

/// A partition: topic and number.
pub type Slot = (Arc<str>, u32);

/// A set of partitions.
pub type Slots = BTreeSet<Slot>;

/// A topic's identity, which a new topic of the same name does not share, and its partition count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicSize {
    pub id: u32,
    pub partitions: u32,
}

/// Topics by name.
pub type Catalog = BTreeMap<Arc<str>, TopicSize>;

/// A set in the protocol's form.
pub fn to_wire(slots: &Slots) -> Vec<TopicPartitions> {
    let mut topics: Vec<TopicPartitions> = Vec::new();
    for (topic, partition) in slots {
        match topics.last_mut() {
            Some(last) if *last.topic == **topic => last.partitions.push(*partition),
            _ => topics
                .push(TopicPartitions { topic: topic.to_string(), partitions: vec![*partition] }),
        }
    }
    topics
}

/// A set from the protocol's form.
pub fn from_wire(topics: &[TopicPartitions]) -> Slots {
    let mut slots = Slots::new();
    for TopicPartitions { topic, partitions } in topics {
        let topic: Arc<str> = topic.as_str().into();
        slots.extend(partitions.iter().map(|&partition| (topic.clone(), partition)));
    }
    slots
}
