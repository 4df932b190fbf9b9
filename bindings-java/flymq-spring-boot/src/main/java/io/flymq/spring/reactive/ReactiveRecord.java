package io.flymq.spring.reactive;

import io.flymq.client.ConsumerRecord;

/**
 * A record that was received, and how to say that it is processed.
 *
 * @param record the record, its key as text
 * @param acknowledgment says that it is processed: in any order; the group goes on behind the last record before the
 *     first one of the partition that is not
 * @param <T> the value's type
 */
public record ReactiveRecord<T>(ConsumerRecord<String, T> record, Runnable acknowledgment) {
  /** {@return the value} */
  public T value() {
    return record.value();
  }

  /** Says that it is processed. */
  public void acknowledge() {
    acknowledgment.run();
  }
}
