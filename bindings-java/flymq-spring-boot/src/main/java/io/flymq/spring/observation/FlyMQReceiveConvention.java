package io.flymq.spring.observation;

import io.flymq.client.ConsumerRecord;
import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;

/**
 * Names of what is told of records that the application asks for, as OpenTelemetry has them. A bean of this type
 * takes its place.
 */
public class FlyMQReceiveConvention implements ObservationConvention<FlyMQReceiveContext> {
  /** The convention that is used unless there is another one. */
  public static final FlyMQReceiveConvention DEFAULT = new FlyMQReceiveConvention();

  /** A convention. */
  public FlyMQReceiveConvention() {}

  @Override
  public String getName() {
    return "messaging.client.operation.duration";
  }

  @Override
  public String getContextualName(FlyMQReceiveContext context) {
    return "receive " + context.topic();
  }

  @Override
  public KeyValues getLowCardinalityKeyValues(FlyMQReceiveContext context) {
    return KeyValues.of(
        "messaging.system", "flymq",
        "messaging.operation.name", "receive",
        "messaging.operation.type", "receive",
        "messaging.destination.name", context.topic(),
        "server.address", Attributes.server(context.addresses()),
        "error.type", Attributes.errorType(context.getError()));
  }

  @Override
  public KeyValues getHighCardinalityKeyValues(FlyMQReceiveContext context) {
    ConsumerRecord<byte[], byte[]> record = context.received();
    KeyValues values =
        KeyValues.of("messaging.destination.partition.id", String.valueOf(context.partition()));
    return record == null
        ? values
        : values.and("messaging.message.offset", String.valueOf(record.offset()));
  }

  @Override
  public boolean supportsContext(Observation.Context context) {
    return context instanceof FlyMQReceiveContext;
  }
}
