package io.flymq.client.serde;

import org.jspecify.annotations.Nullable;

/**
 * Both directions of one format.
 *
 * @param <T> the values' type
 */
public interface Serde<T> extends Serializer<T>, Deserializer<T> {
  /**
   * A format of a serializer and a deserializer.
   *
   * @param serializer values to bytes
   * @param deserializer bytes to values
   * @param <T> the values' type
   * @return both
   */
  static <T> Serde<T> of(Serializer<T> serializer, Deserializer<T> deserializer) {
    return new Serde<>() {
      @Override
      public byte @Nullable [] serialize(String topic, T value) {
        return serializer.serialize(topic, value);
      }

      @Override
      public @Nullable T deserialize(String topic, byte[] data) {
        return deserializer.deserialize(topic, data);
      }
    };
  }
}
