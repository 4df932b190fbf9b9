package io.flymq.client.serde;

import io.flymq.client.Headers;
import org.jspecify.annotations.Nullable;

/**
 * Turns bytes into values. Used by any number of threads at a time.
 *
 * @param <T> the values' type
 */
@FunctionalInterface
public interface Deserializer<T> {
  /**
   * Turns bytes into a value. It is not asked about {@code null}.
   *
   * @param topic the topic that the record was read from
   * @param data the bytes
   * @return the value
   */
  @Nullable T deserialize(String topic, byte[] data);

  /**
   * As {@link #deserialize(String, byte[])}, for those that look at the headers too.
   *
   * @param topic the topic that the record was read from
   * @param headers the record's headers
   * @param data the bytes
   * @return the value
   */
  default @Nullable T deserialize(String topic, Headers headers, byte[] data) {
    return deserialize(topic, data);
  }
}
