package io.flymq.client;

import java.util.Objects;

/**
 * What a group has processed of a partition.
 *
 * @param topic the topic
 * @param partition the partition, from 0
 * @param offset the last offset processed, and not the next one; −1 for none, so that the group begins
 *     at offset 0
 * @param metadata a note of the application, up to 4,096 bytes
 */
public record GroupOffset(String topic, int partition, long offset, String metadata) {
  /** What a group has processed of a partition. */
  public GroupOffset {
    Objects.requireNonNull(topic, "topic");
    Objects.requireNonNull(metadata, "metadata");
  }

  /**
   * Everything up to and with an offset is processed.
   *
   * @param topic the topic
   * @param partition the partition
   * @param offset the last offset processed
   */
  public GroupOffset(String topic, int partition, long offset) {
    this(topic, partition, offset, "");
  }

  /**
   * A record, and all before it in its partition, is processed.
   *
   * @param record the record
   * @return its offset
   */
  public static GroupOffset of(ConsumerRecord<?, ?> record) {
    return new GroupOffset(record.topic(), record.partition(), record.offset());
  }

  /** {@return the partition} */
  public TopicPartition topicPartition() {
    return new TopicPartition(topic, partition);
  }

  /** {@return the offset at which the group goes on} */
  public long next() {
    return offset + 1;
  }
}
