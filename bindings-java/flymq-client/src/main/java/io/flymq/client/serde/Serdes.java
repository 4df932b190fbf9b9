package io.flymq.client.serde;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** The formats that are built in. */
public final class Serdes {
  private static final Serde<byte[]> BYTES = Serde.of((topic, value) -> value, (topic, data) -> data);
  private static final Serde<String> STRING =
      Serde.of(
          (topic, value) -> value.getBytes(StandardCharsets.UTF_8), (topic, data) -> decode(data));

  private Serdes() {}

  /** {@return bytes as they are} */
  public static Serde<byte[]> bytes() {
    return BYTES;
  }

  /** {@return text as UTF-8; bytes that are none are an error} */
  public static Serde<String> string() {
    return STRING;
  }

  /**
   * Values as JSON, by Jackson 3 if it is there, else by Jackson 2, as it is by default. For other
   * settings give a mapper of your own to {@link JacksonSerde} or {@link Jackson3Serde}.
   *
   * @param type the values' type
   * @param <T> the values' type
   * @return the format
   */
  public static <T> Serde<T> json(Class<T> type) {
    if (isPresent("tools.jackson.databind.json.JsonMapper")) {
      return Jackson3Serde.json(type);
    }
    if (isPresent("com.fasterxml.jackson.databind.ObjectMapper")) {
      return JacksonSerde.json(type);
    }
    throw new IllegalStateException(
        "JSON needs Jackson: add tools.jackson.core:jackson-databind (3), or"
            + " com.fasterxml.jackson.core:jackson-databind (2)");
  }

  /**
   * Values as MessagePack, by Jackson 2 with {@code org.msgpack:jackson-dataformat-msgpack}.
   *
   * @param type the values' type
   * @param <T> the values' type
   * @return the format
   */
  public static <T> Serde<T> messagePack(Class<T> type) {
    if (!isPresent("org.msgpack.jackson.dataformat.MessagePackFactory")) {
      throw new IllegalStateException(
          "MessagePack needs Jackson's format for it: add org.msgpack:jackson-dataformat-msgpack");
    }
    return JacksonSerde.messagePack(type);
  }

  private static boolean isPresent(String type) {
    try {
      Class.forName(type, false, Serdes.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException absent) {
      return false;
    }
  }

  private static String decode(byte[] data) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data)).toString();
    } catch (CharacterCodingException error) {
      throw new IllegalArgumentException("it is not UTF-8", error);
    }
  }
}
