package io.flymq.client;

/**
 * Where a record was stored.
 *
 * @param topic the topic
 * @param partition the partition, from 0
 * @param offset the record's position in the partition, from 0
 * @param timestamp the record's timestamp, in milliseconds since 1970
 */
public record RecordMetadata(String topic, int partition, long offset, long timestamp) {
  /** {@return the partition} */
  public TopicPartition topicPartition() {
    return new TopicPartition(topic, partition);
  }
}
