package io.flymq.spring.observation;

import io.flymq.client.ProducerRecord;
import io.flymq.client.RecordMetadata;
import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.SenderContext;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What is known of a record that is sent. */
public class FlyMQSendContext extends SenderContext<HeaderCarrier> {
  private final ProducerRecord<byte[], byte[]> record;
  private final List<String> addresses;
  private @Nullable RecordMetadata stored;

  /**
   * A context.
   *
   * @param record the record
   * @param addresses the brokers that the client was given
   */
  public FlyMQSendContext(ProducerRecord<byte[], byte[]> record, List<String> addresses) {
    super((carrier, name, value) -> carrier.set(name, value), Kind.PRODUCER);
    this.record = record;
    this.addresses = addresses;
    setCarrier(new HeaderCarrier(record.headers()));
    setRemoteServiceName("flymq");
  }

  /** {@return the record, with what a tracer has added} */
  public ProducerRecord<byte[], byte[]> record() {
    HeaderCarrier carrier = getCarrier();
    return carrier == null ? record : record.withHeaders(carrier.headers());
  }

  /** {@return the brokers that the client was given, each as {@code host:port}} */
  public List<String> addresses() {
    return addresses;
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
