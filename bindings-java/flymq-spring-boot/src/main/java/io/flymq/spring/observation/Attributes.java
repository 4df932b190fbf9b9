package io.flymq.spring.observation;

import io.flymq.client.errors.FlyMQException;
import io.micrometer.common.KeyValue;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Values that several conventions have; few different ones each, since they are tags of meters. */
final class Attributes {
  private Attributes() {}

  /** The value of {@code error.type}. */
  static String errorType(@Nullable Throwable error) {
    if (error == null) {
      return KeyValue.NONE_VALUE;
    }
    return error instanceof FlyMQException known ? known.name() : error.getClass().getSimpleName();
  }

  /** The value of {@code server.address}: the broker's host, where there is but one that it can be. */
  static String server(List<String> addresses) {
    if (addresses.size() != 1) {
      return KeyValue.NONE_VALUE;
    }
    String address = addresses.get(0);
    return address.substring(0, address.lastIndexOf(':'));
  }

  static String orNone(@Nullable String value) {
    return value == null ? KeyValue.NONE_VALUE : value;
  }
}
