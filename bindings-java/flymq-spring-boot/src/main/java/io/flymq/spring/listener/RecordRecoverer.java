package io.flymq.spring.listener;

import io.flymq.client.ConsumerRecord;

/** Deals with a record that is given up. */
@FunctionalInterface
public interface RecordRecoverer {
  /**
   * Puts the record where it is not lost.
   *
   * @param record the record
   * @param failure why it is given up
   * @throws Exception if that failed: it is handed to the listener again later
   */
  void recover(ConsumerRecord<byte[], byte[]> record, ListenerFailure failure) throws Exception;
}
