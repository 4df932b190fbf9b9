package io.flymq.spring.observation;

import io.flymq.client.ConsumerRecord;
import io.flymq.client.Headers;
import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.ReceiverContext;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What is known of records that a listener handles. A single record goes on with the trace it was sent in. */
public class FlyMQProcessContext extends ReceiverContext<Headers> {
  private final List<ConsumerRecord<byte[], byte[]>> records;
  private final String listenerId;
  private final @Nullable String group;
  private final List<String> addresses;

  /**
   * A context.
   *
   * @param records one record, or those of a batch
   * @param listenerId the listener
   * @param group its group
   * @param addresses the brokers that the client was given
   */
  public FlyMQProcessContext(
      List<ConsumerRecord<byte[], byte[]>> records,
      String listenerId,
      @Nullable String group,
      List<String> addresses) {
    super((headers, name) -> headers.text(name), Kind.CONSUMER);
    this.records = List.copyOf(records);
    this.listenerId = listenerId;
    this.group = group;
    this.addresses = addresses;
    setCarrier(records.size() == 1 ? records.get(0).headers() : Headers.empty());
    setRemoteServiceName("flymq");
  }

  /** {@return one record, or those of a batch} */
  public List<ConsumerRecord<byte[], byte[]>> records() {
    return records;
  }

  /** {@return the listener} */
  public String listenerId() {
    return listenerId;
  }

  /** {@return the listener's group} */
  public @Nullable String group() {
    return group;
  }

  /** {@return the brokers that the client was given, each as {@code host:port}} */
  public List<String> addresses() {
    return addresses;
  }

  /** {@return the topic; of several, all of them with commas between} */
  public String destination() {
    return records.stream()
        .map(ConsumerRecord::topic)
        .distinct()
        .collect(Collectors.joining(","));
  }
}
