package io.flymq.client;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A header of a record.
 *
 * @param name its name; names may repeat
 * @param value its value, which may be missing
 */
@SuppressWarnings("ArrayRecordComponent")
public record Header(String name, byte @Nullable [] value) {
  /** A header. */
  public Header {
    Objects.requireNonNull(name, "name");
  }

  /**
   * A header whose value is text.
   *
   * @param name its name
   * @param value its value
   */
  public Header(String name, String value) {
    this(name, value.getBytes(StandardCharsets.UTF_8));
  }

  /** {@return the value as text, if there is one} */
  public @Nullable String text() {
    return value == null ? null : new String(value, StandardCharsets.UTF_8);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Header that
        && name.equals(that.name)
        && Arrays.equals(value, that.value);
  }

  @Override
  public int hashCode() {
    return 31 * name.hashCode() + Arrays.hashCode(value);
  }

  @Override
  public String toString() {
    return name + "=" + text();
  }
}
