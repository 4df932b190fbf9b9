package io.flymq.client.internal;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** Arguments on their way to the native library: numbers are big-endian, what has a length begins with it. */
public final class Out {
  private static final int ABSENT = -1;

  private byte[] bytes;
  private int length;

  /** No arguments yet. */
  public Out() {
    this(64);
  }

  /**
   * No arguments yet.
   *
   * @param capacity how many bytes there will be, roughly
   */
  public Out(int capacity) {
    bytes = new byte[capacity];
  }

  byte[] bytes() {
    return bytes;
  }

  int length() {
    return length;
  }

  private int grow(int more) {
    int at = length;
    int needed = Math.addExact(at, more);
    if (needed > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(needed, (int) Math.min(2L * bytes.length, 1 << 30)));
    }
    length = needed;
    return at;
  }

  /** Adds a byte of 0 or 1. */
  public Out flag(boolean value) {
    int at = grow(1);
    bytes[at] = (byte) (value ? 1 : 0);
    return this;
  }

  /** Adds four bytes. */
  public Out int32(int value) {
    int at = grow(4);
    bytes[at] = (byte) (value >>> 24);
    bytes[at + 1] = (byte) (value >>> 16);
    bytes[at + 2] = (byte) (value >>> 8);
    bytes[at + 3] = (byte) value;
    return this;
  }

  /** Adds eight bytes. */
  public Out int64(long value) {
    return int32((int) (value >>> 32)).int32((int) value);
  }

  /** Adds bytes, or that there are none. */
  public Out bytes(byte @Nullable [] value) {
    if (value == null) {
      return int32(ABSENT);
    }
    int32(value.length);
    int at = grow(value.length);
    System.arraycopy(value, 0, bytes, at, value.length);
    return this;
  }

  /** Adds text as UTF-8, or that there is none. */
  public Out text(@Nullable String value) {
    return bytes(value == null ? null : value.getBytes(StandardCharsets.UTF_8));
  }

  /** Adds a secret text as UTF-8, or that there is none. Wipe it once the call is made. */
  public Out secret(char @Nullable [] secret) {
    byte[] encoded = secret == null ? null : Secrets.utf8(secret);
    bytes(encoded);
    if (encoded != null) {
      Arrays.fill(encoded, (byte) 0);
    }
    return this;
  }

  /** Adds a number that may be missing. */
  public Out optional(@Nullable Long value) {
    flag(value != null);
    return value == null ? this : int64(value);
  }

  /** Adds milliseconds, rounded up; one that is negative counts as zero. */
  public Out duration(Duration value) {
    return int64(millis(value));
  }

  /** Adds milliseconds that may be missing. */
  public Out optional(@Nullable Duration value) {
    return optional(value == null ? null : Long.valueOf(millis(value)));
  }

  private static long millis(Duration value) {
    try {
      return Math.max(0, value.plusNanos(999_999).toMillis());
    } catch (ArithmeticException tooLong) {
      return value.isNegative() ? 0 : Long.MAX_VALUE;
    }
  }

  /** Adds several of something. */
  public <T> Out list(Collection<? extends T> values, BiConsumer<Out, ? super T> add) {
    int32(values.size());
    values.forEach(value -> add.accept(this, value));
    return this;
  }

  /** Adds names and values. */
  public Out map(Map<String, ? extends @Nullable String> values) {
    return list(values.entrySet(), (out, entry) -> out.text(entry.getKey()).text(entry.getValue()));
  }

  /** Overwrites the bytes, which held a secret. */
  public void wipe() {
    Arrays.fill(bytes, (byte) 0);
  }
}
