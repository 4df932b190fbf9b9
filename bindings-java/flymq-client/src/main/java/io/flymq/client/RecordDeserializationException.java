package io.flymq.client;

import io.flymq.client.errors.ErrorCode;
import io.flymq.client.errors.SerializationException;

/** A record whose key or value cannot be decoded. It is there as it was stored. */
public class RecordDeserializationException extends SerializationException {
  private static final long serialVersionUID = 1L;

  private final transient ConsumerRecord<byte[], byte[]> record;

  RecordDeserializationException(ConsumerRecord<byte[], byte[]> record, Throwable cause) {
    super(
        ErrorCode.SERIALIZATION
            .exception(
                "offset "
                    + record.offset()
                    + " of "
                    + record.topicPartition()
                    + " cannot be decoded: "
                    + cause)
            .details());
    this.record = record;
    initCause(cause);
  }

  /** {@return the record, as it was stored} */
  public ConsumerRecord<byte[], byte[]> record() {
    return record;
  }
}
