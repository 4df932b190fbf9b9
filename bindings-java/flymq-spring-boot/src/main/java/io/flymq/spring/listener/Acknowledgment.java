package io.flymq.spring.listener;

import java.time.Duration;

/** What a listener says of the record, or batch, that it was handed. A parameter of its method. */
public interface Acknowledgment {
  /**
   * It is processed. With {@link AckMode#MANUAL} and {@link AckMode#MANUAL_IMMEDIATE} nothing is until this was
   * said, from any thread and in any order: the group goes on behind the last record before the first one of the
   * partition that is not. Harmless with other modes, and when repeated.
   */
  void acknowledge();

  /**
   * It is to be handed over once more, however the listener returns. Only while the listener is called.
   *
   * @param delay how long to wait before, for all partitions of this consumer
   */
  void nack(Duration delay);
}
