package io.flymq.spring.observation;

import io.flymq.client.ConsumerRecord;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Counts, by topic, records that were sent and those that were handed to the application, once for each time, under
 * the names of OpenTelemetry.
 */
public class MessageCounters implements ObservationHandler<Observation.Context> {
  private final MeterRegistry registry;

  /**
   * Counters.
   *
   * @param registry where they are
   */
  public MessageCounters(MeterRegistry registry) {
    this.registry = registry;
  }

  @Override
  public boolean supportsContext(Observation.Context context) {
    return context instanceof FlyMQSendContext
        || context instanceof FlyMQProcessContext
        || context instanceof FlyMQReceiveContext;
  }

  @Override
  public void onStop(Observation.Context context) {
    if (context instanceof FlyMQSendContext send) {
      sent(send);
    } else if (context instanceof FlyMQProcessContext process) {
      for (ConsumerRecord<?, ?> record : process.records()) {
        consumed("process", record.topic(), process.group(), process.addresses());
      }
    } else if (context instanceof FlyMQReceiveContext receive && receive.received() != null) {
      consumed("receive", receive.received().topic(), null, receive.addresses());
    }
  }

  private void sent(FlyMQSendContext context) {
    Counter.builder("messaging.client.sent.messages")
        .description("Records that were to be sent")
        .tags(tags("send", context.record().topic(), context.addresses()))
        .tag("error.type", Attributes.errorType(context.getError()))
        .register(registry)
        .increment();
  }

  private void consumed(
      String operation, String topic, @Nullable String group, List<String> addresses) {
    Counter.builder("messaging.client.consumed.messages")
        .description("Records that were handed to the application")
        .tags(tags(operation, topic, addresses))
        .tag("messaging.consumer.group.name", Attributes.orNone(group))
        .register(registry)
        .increment();
  }

  private static Tags tags(String operation, String topic, List<String> addresses) {
    return Tags.of(
        "messaging.system", "flymq",
        "messaging.operation.name", operation,
        "messaging.destination.name", topic,
        "server.address", Attributes.server(addresses));
  }
}
