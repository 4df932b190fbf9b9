package io.flymq.client.internal;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Texts that are not to stay in memory. */
public final class Secrets {
  private Secrets() {}

  /**
   * A text's bytes in an array of their own, which may be wiped.
   *
   * @param text the text
   * @return its UTF-8
   */
  public static byte[] utf8(char[] text) {
    ByteBuffer encoded = StandardCharsets.UTF_8.encode(CharBuffer.wrap(text));
    byte[] bytes = new byte[encoded.remaining()];
    encoded.get(bytes);
    Arrays.fill(encoded.array(), (byte) 0);
    return bytes;
  }
}
