package io.flymq.client.internal;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What the native library has answered: the counterpart of {@link Out}. */
public final class In {
  private final ByteBuffer buffer;

  In(ByteBuffer buffer) {
    this.buffer = buffer;
  }

  /**
   * What an array holds.
   *
   * @param bytes the array
   * @param from where to begin
   */
  public In(byte[] bytes, int from) {
    this(ByteBuffer.wrap(bytes, from, bytes.length - from));
  }

  /** Reads a byte. */
  public int int8() {
    return buffer.get();
  }

  /** Reads a byte of 0 or 1. */
  public boolean flag() {
    return buffer.get() != 0;
  }

  /** Reads four bytes. */
  public int int32() {
    return buffer.getInt();
  }

  /** Reads eight bytes. */
  public long int64() {
    return buffer.getLong();
  }

  /** Reads bytes, or that there are none. */
  public byte @Nullable [] bytes() {
    int length = buffer.getInt();
    if (length < 0) {
      return null;
    }
    byte[] bytes = new byte[length];
    buffer.get(bytes);
    return bytes;
  }

  /** Reads text that may be missing. */
  public @Nullable String optionalText() {
    byte[] bytes = bytes();
    return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
  }

  /** Reads text. */
  public String text() {
    String text = optionalText();
    return text == null ? "" : text;
  }

  /** Reads a number that may be missing. */
  public @Nullable Long optionalInt64() {
    return flag() ? int64() : null;
  }

  /** Reads several of something. */
  public <T> List<T> list(Function<In, T> read) {
    int count = int32();
    List<T> list = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      list.add(read.apply(this));
    }
    return list;
  }

  /** Reads names and values. */
  public Map<String, String> map() {
    int count = int32();
    Map<String, String> map = new LinkedHashMap<>();
    for (int i = 0; i < count; i++) {
      map.put(text(), text());
    }
    return map;
  }

  /** How many bytes are left. */
  public int remaining() {
    return buffer.remaining();
  }

  /** Where the next read begins. */
  public int position() {
    return buffer.position();
  }

  /** Has the next read begin elsewhere. */
  public void position(int position) {
    buffer.position(position);
  }

  /** All that is left, in an array of its own. */
  byte[] copy() {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }

  /** The same bytes, to be read from a position on independently of this. */
  public In from(int position) {
    return new In(buffer.duplicate().position(position));
  }
}
