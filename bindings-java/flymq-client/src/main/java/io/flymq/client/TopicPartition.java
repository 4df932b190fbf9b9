package io.flymq.client;

import java.util.Objects;

/**
 * A partition of a topic.
 *
 * @param topic the topic
 * @param partition the partition, from 0
 */
public record TopicPartition(String topic, int partition) implements Comparable<TopicPartition> {
  /** A partition of a topic. */
  public TopicPartition {
    Objects.requireNonNull(topic, "topic");
    if (partition < 0) {
      throw new IllegalArgumentException("a partition is 0 or more, not " + partition);
    }
  }

  @Override
  public int compareTo(TopicPartition other) {
    int byTopic = topic.compareTo(other.topic);
    return byTopic != 0 ? byTopic : Integer.compare(partition, other.partition);
  }

  @Override
  public String toString() {
    return topic + "-" + partition;
  }
}
