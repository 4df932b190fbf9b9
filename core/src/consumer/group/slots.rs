//! Sets of partitions, and how they are written on the wire.

use std::collections::BTreeSet;
use std::sync::Arc;

use flymq_protocol::messages::TopicPartitions;

use crate::record::TopicPartition;

pub(in crate::consumer) type Slots = BTreeSet<TopicPartition>;

/// From the broker.
pub(in crate::consumer) fn from_wire(assignment: &[TopicPartitions]) -> Slots {
    let mut slots = Slots::new();
    for TopicPartitions { topic, partitions } in assignment {
        let topic: Arc<str> = topic.as_str().into();
        slots.extend(
            partitions.iter().map(|&p| TopicPartition { topic: topic.clone(), partition: p }),
        );
    }
    slots
}

/// For the broker. Ascending partitions come out as one entry a topic.
pub(in crate::consumer) fn to_wire<'a>(
    slots: impl IntoIterator<Item = &'a TopicPartition>,
) -> Vec<TopicPartitions> {
    let mut topics: Vec<TopicPartitions> = Vec::new();
    for TopicPartition { topic, partition } in slots {
        match topics.last_mut().filter(|last| *last.topic == **topic) {
            Some(last) => last.partitions.push(*partition),
            None => topics
                .push(TopicPartitions { topic: topic.to_string(), partitions: vec![*partition] }),
        }
    }
    topics
}
