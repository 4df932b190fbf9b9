package io.flymq.spring.observation;

import io.flymq.client.ProducerRecord;
import io.flymq.client.RecordMetadata;
import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.SenderContext;
import org.jspecify.annotations.Nullable;

/** What is known of a record that is sent. */
public class FlyMQSendContext extends SenderContext<HeaderCarrier> {
  private final ProducerRecord<byte[], byte[]> record;
  private @Nullable RecordMetadata stored;

  /**
   * A context.
   *
   * @param record the record
   */
  public FlyMQSendContext(ProducerRecord<byte[], byte[]> record) {
    super((carrier, name, value) -> carrier.set(name, value), Kind.PRODUCER);
    this.record = record;
    setCarrier(new HeaderCarrier(record.headers()));
    setRemoteServiceName("flymq");
  }

  /** {@return the record, with what a tracer has added} */
  public ProducerRecord<byte[], byte[]> record() {
    HeaderCarrier carrier = getCarrier();
    return carrier == null ? record : record.withHeaders(carrier.headers());
  }

  /** {@return where it was stored; {@code null} before it is} */
  public @Nullable RecordMetadata stored() {
    return stored;
  }

  /**
   * It was stored.
   *
   * @param stored where
   */
  public void setStored(@Nullable RecordMetadata stored) {
    this.stored = stored;
  }
}
