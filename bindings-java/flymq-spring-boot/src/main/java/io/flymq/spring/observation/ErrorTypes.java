package io.flymq.spring.observation;

import io.flymq.client.errors.FlyMQException;
import io.micrometer.common.KeyValue;
import org.jspecify.annotations.Nullable;

/** The value of {@code error.type}: few different ones, since it is a tag of meters. */
final class ErrorTypes {
  private ErrorTypes() {}

  static String of(@Nullable Throwable error) {
    if (error == null) {
      return KeyValue.NONE_VALUE;
    }
    return error instanceof FlyMQException known ? known.name() : error.getClass().getSimpleName();
  }
}
