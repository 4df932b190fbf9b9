package io.flymq.client;

import org.jspecify.annotations.Nullable;

/**
 * Looks at every record that a producer sends, and may change it.
 *
 * @param <K> the keys' type
 * @param <V> the values' type
 */
public interface ProducerInterceptor<K, V> {
  /**
   * A record is about to be sent, on the thread that sends it.
   *
   * @param record the record
   * @return the record to send
   */
  default ProducerRecord<K, V> onSend(ProducerRecord<K, V> record) {
    return record;
  }

  /**
   * A record is stored or given up. Called through the client's executor.
   *
   * @param record the record, as it was sent
   * @param stored where it was stored; {@code null} if it was not
   * @param error why it was not stored; {@code null} if it was
   */
  default void onResult(
      ProducerRecord<K, V> record, @Nullable RecordMetadata stored, @Nullable Throwable error) {}
}
