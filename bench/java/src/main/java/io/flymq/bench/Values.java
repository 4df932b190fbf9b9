package io.flymq.bench;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** The records' values: text, no two alike. */
final class Values {
  private Values() {}

  static List<byte[]> make(int count, int size) {
    Random random = new Random(1);
    List<byte[]> values = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      byte[] value = new byte[size];
      for (int at = 0; at < size; at++) {
        value[at] = (byte) ('a' + random.nextInt(26));
      }
      byte[] number = Integer.toString(i).getBytes(StandardCharsets.US_ASCII);
      System.arraycopy(number, 0, value, 0, number.length);
      values.add(value);
    }
    return values;
  }

  /** Something of a value that costs next to nothing, and that no reader can have without having read it. */
  static long check(byte[] value) {
    return value[0] + 31L * value[value.length / 2] + 961L * value[value.length - 1];
  }

  static long check(String value) {
    int length = value.length();
    return value.charAt(0) + 31L * value.charAt(length / 2) + 961L * value.charAt(length - 1);
  }
}
