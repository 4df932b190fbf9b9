package io.flymq.client;

import org.jspecify.annotations.Nullable;

/**
 * A record with its place in the log.
 *
 * @param topic the topic
 * @param partition the partition, from 0
 * @param offset the position in the partition, from 0
 * @param timestamp milliseconds since 1970
 * @param key the key, if it has one
 * @param value the value; {@code null} marks the key as deleted
 * @param headers the headers
 * @param <K> the key's type
 * @param <V> the value's type
 */
public record ConsumerRecord<K, V>(
    String topic,
    int partition,
    long offset,
    long timestamp,
    @Nullable K key,
    @Nullable V value,
    Headers headers) {
  /** {@return the partition} */
  public TopicPartition topicPartition() {
    return new TopicPartition(topic, partition);
  }

  /**
   * The same record with another key and value.
   *
   * @param key the key
   * @param value the value
   * @param <A> the key's type
   * @param <B> the value's type
   * @return the record
   */
  public <A, B> ConsumerRecord<A, B> withKeyAndValue(@Nullable A key, @Nullable B value) {
    return new ConsumerRecord<>(topic, partition, offset, timestamp, key, value, headers);
  }
}
