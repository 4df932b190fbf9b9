package io.flymq.client;

/**
 * Looks at every record that a consumer returns, on the thread that reads it, and may change it.
 *
 * @param <K> the keys' type
 * @param <V> the values' type
 */
@FunctionalInterface
public interface ConsumerInterceptor<K, V> {
  /**
   * A record is about to be returned. Called each time that the record is come to.
   *
   * @param record the record
   * @return the record to return
   */
  ConsumerRecord<K, V> onConsume(ConsumerRecord<K, V> record);
}
