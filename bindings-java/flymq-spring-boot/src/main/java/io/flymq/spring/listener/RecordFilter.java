package io.flymq.spring.listener;

import io.flymq.client.ConsumerRecord;

/** Says which records are handed to listeners. The others count as processed. */
@FunctionalInterface
public interface RecordFilter {
  /**
   * Looks at a record.
   *
   * @param record the record
   * @return whether it is handed over
   */
  boolean accept(ConsumerRecord<byte[], byte[]> record);
}
