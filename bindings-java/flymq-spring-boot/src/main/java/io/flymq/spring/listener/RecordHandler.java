package io.flymq.spring.listener;

import io.flymq.client.ConsumerRecord;
import java.util.List;

/** What a container hands records to. */
@FunctionalInterface
public interface RecordHandler {
  /**
   * Handles records.
   *
   * @param records one record, or those of a batch
   * @param delivery what else there is to know
   * @throws Exception what the error handler is told
   */
  void handle(List<ConsumerRecord<byte[], byte[]>> records, Delivery delivery) throws Exception;
}
