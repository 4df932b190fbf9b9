package io.flymq.client.internal;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/** Options by their names, which the native library knows. Secrets are kept as arrays and not shown. */
public final class Options {
  private final Map<String, byte[]> values = new LinkedHashMap<>();

  /** Sets an option to text. */
  public void set(String name, String value) {
    values.put(name, value.getBytes(StandardCharsets.UTF_8));
  }

  /** Sets an option to text that is not to be shown. */
  public void set(String name, char[] secret) {
    values.put(name, Secrets.utf8(secret));
  }

  /** Sets an option to a number. */
  public void set(String name, long value) {
    set(name, Long.toString(value));
  }

  /** Sets an option to {@code true} or {@code false}. */
  public void set(String name, boolean value) {
    set(name, Boolean.toString(value));
  }

  /** Sets an option to milliseconds, rounded up. */
  public void set(String name, Duration value) {
    if (value.isNegative()) {
      throw Errors.invalid(name + " is a time of 0 or more, not " + value);
    }
    set(name, value.plusNanos(999_999).toMillis());
  }

  /** Adds them to arguments. */
  public void write(Out out) {
    out.list(
        values.entrySet(), (all, option) -> all.text(option.getKey()).bytes(option.getValue()));
  }

  @Override
  public String toString() {
    return values.keySet().toString();
  }
}
