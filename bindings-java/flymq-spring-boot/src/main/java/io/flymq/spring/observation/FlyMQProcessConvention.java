package io.flymq.spring.observation;

import io.flymq.client.ConsumerRecord;
import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;

/**
 * Names of what is told of records that listeners handle, as OpenTelemetry has them. A bean of this type takes
 * its place.
 */
public class FlyMQProcessConvention implements ObservationConvention<FlyMQProcessContext> {
  /** The convention that is used unless there is another one. */
  public static final FlyMQProcessConvention DEFAULT = new FlyMQProcessConvention();

  /** A convention. */
  public FlyMQProcessConvention() {}

  @Override
  public String getName() {
    return "messaging.process.duration";
  }

  @Override
  public String getContextualName(FlyMQProcessContext context) {
    return "process " + context.destination();
  }

  @Override
  public KeyValues getLowCardinalityKeyValues(FlyMQProcessContext context) {
    return KeyValues.of(
        "messaging.system", "flymq",
        "messaging.operation.name", "process",
        "messaging.operation.type", "process",
        "messaging.destination.name", context.destination(),
        "messaging.consumer.group.name", Attributes.orNone(context.group()),
        "server.address", Attributes.server(context.addresses()),
        "error.type", Attributes.errorType(context.getError()));
  }

  @Override
  public KeyValues getHighCardinalityKeyValues(FlyMQProcessContext context) {
    if (context.records().size() != 1) {
      return KeyValues.of(
          "messaging.batch.message_count", String.valueOf(context.records().size()));
    }
    ConsumerRecord<byte[], byte[]> record = context.records().get(0);
    return KeyValues.of(
        "messaging.destination.partition.id", String.valueOf(record.partition()),
        "messaging.message.offset", String.valueOf(record.offset()));
  }

  @Override
  public boolean supportsContext(Observation.Context context) {
    return context instanceof FlyMQProcessContext;
  }
}
