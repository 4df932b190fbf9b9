package io.flymq.client;

import io.flymq.client.internal.Out;
import java.time.Instant;

/** Where reading a partition begins. */
public final class StartOffset {
  private static final StartOffset EARLIEST = new StartOffset(0, 0, "earliest");
  private static final StartOffset LATEST = new StartOffset(1, 0, "latest");

  private final int kind;
  private final long value;
  private final String text;

  private StartOffset(int kind, long value, String text) {
    this.kind = kind;
    this.value = value;
    this.text = text;
  }

  /** {@return at the oldest record there is} */
  public static StartOffset earliest() {
    return EARLIEST;
  }

  /** {@return behind the newest record} */
  public static StartOffset latest() {
    return LATEST;
  }

  /**
   * At an offset.
   *
   * @param offset the offset, 0 or more
   * @return the position
   */
  public static StartOffset offset(long offset) {
    if (offset < 0) {
      throw new IllegalArgumentException("an offset is 0 or more, not " + offset);
    }
    return new StartOffset(3, offset, "offset " + offset);
  }

  /**
   * At the first record of a time or later; behind the newest record if there is none.
   *
   * @param time the time
   * @return the position
   */
  public static StartOffset timestamp(Instant time) {
    return new StartOffset(2, time.toEpochMilli(), "timestamp " + time);
  }

  void write(Out out) {
    out.int32(kind).int64(value);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof StartOffset that && kind == that.kind && value == that.value;
  }

  @Override
  public int hashCode() {
    return 31 * kind + Long.hashCode(value);
  }

  @Override
  public String toString() {
    return text;
  }
}
