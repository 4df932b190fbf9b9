package io.flymq.spring.listener;

import io.flymq.client.ConsumerRecord;
import io.flymq.client.Header;
import io.flymq.spring.FlyMQHeaders;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.messaging.Message;
import org.springframework.messaging.MessageHeaders;

/** Records as Spring sees messages: the value of the first one, and headers when they are asked for. */
final class RecordMessage implements Message<byte[]> {
  private final List<ConsumerRecord<byte[], byte[]>> records;
  private final Delivery delivery;
  private @Nullable MessageHeaders headers;

  RecordMessage(List<ConsumerRecord<byte[], byte[]>> records, Delivery delivery) {
    this.records = records;
    this.delivery = delivery;
  }

  ConsumerRecord<byte[], byte[]> first() {
    return records.get(0);
  }

  List<ConsumerRecord<byte[], byte[]>> all() {
    return records;
  }

  @Override
  public byte @Nullable [] getPayload() {
    return first().value();
  }

  @Override
  public MessageHeaders getHeaders() {
    MessageHeaders made = headers;
    if (made == null) {
      made = new RecordHeaders(values());
      headers = made;
    }
    return made;
  }

  private Map<String, Object> values() {
    ConsumerRecord<byte[], byte[]> record = first();
    Map<String, Object> values = new HashMap<>();
    for (Header header : record.headers()) {
      byte[] value = header.value();
      if (value != null) {
        values.put(header.name(), value);
      }
    }
    values.put(FlyMQHeaders.TOPIC, record.topic());
    values.put(FlyMQHeaders.PARTITION, record.partition());
    values.put(FlyMQHeaders.OFFSET, record.offset());
    values.put(FlyMQHeaders.TIMESTAMP, record.timestamp());
    values.put(FlyMQHeaders.DELIVERY_ATTEMPT, delivery.attempt());
    byte[] key = record.key();
    if (key != null) {
      values.put(FlyMQHeaders.KEY, key);
    }
    String group = delivery.group();
    if (group != null) {
      values.put(FlyMQHeaders.GROUP, group);
    }
    return values;
  }

  /** Headers without an id and a time of their own, which records do not have. */
  private static final class RecordHeaders extends MessageHeaders {
    private static final long serialVersionUID = 1L;

    RecordHeaders(Map<String, Object> values) {
      super(values, ID_VALUE_NONE, -1L);
    }
  }
}
