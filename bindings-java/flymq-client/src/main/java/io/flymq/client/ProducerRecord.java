package io.flymq.client;

import java.time.Instant;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A record to send.
 *
 * <pre>{@code
 * ProducerRecord.of("readings", "sensor-7", "21.5").withHeader("unit", "C")
 * }</pre>
 *
 * @param topic the topic
 * @param partition the partition to send it to; {@code null} for the one of its key, or the next in
 *     turn
 * @param timestamp when it happened, in milliseconds since 1970; {@code null} for when it is sent
 * @param key the key; records of one key go to one partition, in order
 * @param value the value; {@code null} marks the key as deleted
 * @param headers the headers
 * @param <K> the key's type
 * @param <V> the value's type
 */
public record ProducerRecord<K, V>(
    String topic,
    @Nullable Integer partition,
    @Nullable Long timestamp,
    @Nullable K key,
    @Nullable V value,
    Headers headers) {
  /** A record to send. */
  public ProducerRecord {
    Objects.requireNonNull(topic, "topic");
    Objects.requireNonNull(headers, "headers");
    if (partition != null && partition < 0) {
      throw new IllegalArgumentException("a partition is 0 or more, not " + partition);
    }
  }

  /**
   * A record without a key.
   *
   * @param topic the topic
   * @param value the value
   * @param <K> the key's type
   * @param <V> the value's type
   * @return the record
   */
  public static <K, V> ProducerRecord<K, V> of(String topic, @Nullable V value) {
    return of(topic, null, value);
  }

  /**
   * A record with a key.
   *
   * @param topic the topic
   * @param key the key
   * @param value the value
   * @param <K> the key's type
   * @param <V> the value's type
   * @return the record
   */
  public static <K, V> ProducerRecord<K, V> of(String topic, @Nullable K key, @Nullable V value) {
    return new ProducerRecord<>(topic, null, null, key, value, Headers.empty());
  }

  /**
   * The same record for a partition.
   *
   * @param partition the partition, from 0
   * @return the record
   */
  public ProducerRecord<K, V> withPartition(int partition) {
    return new ProducerRecord<>(topic, partition, timestamp, key, value, headers);
  }

  /**
   * The same record of another time.
   *
   * @param time when it happened
   * @return the record
   */
  public ProducerRecord<K, V> withTimestamp(Instant time) {
    return new ProducerRecord<>(topic, partition, time.toEpochMilli(), key, value, headers);
  }

  /**
   * The same record with one header more.
   *
   * @param name the header's name
   * @param value the header's value
   * @return the record
   */
  public ProducerRecord<K, V> withHeader(String name, String value) {
    return withHeaders(headers.with(name, value));
  }

  /**
   * The same record with one header more.
   *
   * @param name the header's name
   * @param value the header's value
   * @return the record
   */
  public ProducerRecord<K, V> withHeader(String name, byte @Nullable [] value) {
    return withHeaders(headers.with(name, value));
  }

  /**
   * The same record with other headers.
   *
   * @param headers all of its headers
   * @return the record
   */
  public ProducerRecord<K, V> withHeaders(Headers headers) {
    return new ProducerRecord<>(topic, partition, timestamp, key, value, headers);
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
  public <A, B> ProducerRecord<A, B> withKeyAndValue(@Nullable A key, @Nullable B value) {
    return new ProducerRecord<>(topic, partition, timestamp, key, value, headers);
  }
}
