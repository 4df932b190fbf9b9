package io.flymq.spring.observation;

import io.flymq.client.ConsumerRecord;
import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.SenderContext;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What is known of a record that the application asks for. It is part of the trace of whoever asks. */
public class FlyMQReceiveContext extends SenderContext<Object> {
  private final String topic;
  private final int partition;
  private final List<String> addresses;
  private @Nullable ConsumerRecord<byte[], byte[]> received;

  /**
   * A context.
   *
   * @param topic the topic
   * @param partition the partition
   * @param addresses the brokers that the client was given
   */
  public FlyMQReceiveContext(String topic, int partition, List<String> addresses) {
    // Nothing is sent that could carry the trace.
    super((nothing, name, value) -> {}, Kind.CLIENT);
    this.topic = topic;
    this.partition = partition;
    this.addresses = addresses;
    setCarrier(this);
    setRemoteServiceName("flymq");
  }

  /** {@return the topic} */
  public String topic() {
    return topic;
  }

  /** {@return the partition} */
  public int partition() {
    return partition;
  }

  /** {@return the brokers that the client was given, each as {@code host:port}} */
  public List<String> addresses() {
    return addresses;
  }

  /** {@return the record; {@code null} if there was none, or not yet} */
  public @Nullable ConsumerRecord<byte[], byte[]> received() {
    return received;
  }

  /**
   * It was received.
   *
   * @param record the record
   */
  public void setReceived(@Nullable ConsumerRecord<byte[], byte[]> record) {
    this.received = record;
  }
}
