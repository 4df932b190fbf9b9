package io.flymq.client.serde;

import org.jspecify.annotations.Nullable;

/**
 * Turns values into bytes. Used by any number of threads at a time.
 *
 * @param <T> the values' type
 */
@FunctionalInterface
public interface Serializer<T> {
  /**
   * Turns a value into bytes. What it throws fails the send. It is not asked about {@code null}.
   *
   * @param topic the topic that the record is sent to
   * @param value the value
   * @return the bytes; {@code null} for a record without
   */
  byte @Nullable [] serialize(String topic, T value);
}
