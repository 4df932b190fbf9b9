package io.flymq.spring.observation;

import io.flymq.client.RecordMetadata;
import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;

/**
 * Names of what is told of records that are sent, as OpenTelemetry has them. A bean of this type takes its place.
 */
public class FlyMQSendConvention implements ObservationConvention<FlyMQSendContext> {
  /** The convention that is used unless there is another one. */
  public static final FlyMQSendConvention DEFAULT = new FlyMQSendConvention();

  /** A convention. */
  public FlyMQSendConvention() {}

  @Override
  public String getName() {
    return "messaging.client.operation.duration";
  }

  @Override
  public String getContextualName(FlyMQSendContext context) {
    return "send " + context.record().topic();
  }

  @Override
  public KeyValues getLowCardinalityKeyValues(FlyMQSendContext context) {
    return KeyValues.of(
        "messaging.system", "flymq",
        "messaging.operation.name", "send",
        "messaging.operation.type", "send",
        "messaging.destination.name", context.record().topic(),
        "server.address", Attributes.server(context.addresses()),
        "error.type", Attributes.errorType(context.getError()));
  }

  @Override
  public KeyValues getHighCardinalityKeyValues(FlyMQSendContext context) {
    RecordMetadata stored = context.stored();
    return stored == null
        ? KeyValues.empty()
        : KeyValues.of(
            "messaging.destination.partition.id", String.valueOf(stored.partition()),
            "messaging.message.offset", String.valueOf(stored.offset()));
  }

  @Override
  public boolean supportsContext(Observation.Context context) {
    return context instanceof FlyMQSendContext;
  }
}
