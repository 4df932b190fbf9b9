package io.flymq.client.serde;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;

/**
 * Values in a format of Jackson 2: JSON, or whatever the mapper writes.
 *
 * @param <T> the values' type
 */
public final class JacksonSerde<T> implements Serde<T> {
  private final ObjectReader reader;
  private final ObjectWriter writer;

  /**
   * A format.
   *
   * @param mapper reads and writes values
   * @param type the values' type
   */
  public JacksonSerde(ObjectMapper mapper, Class<T> type) {
    reader = mapper.readerFor(type);
    writer = mapper.writerFor(type);
  }

  static <T> Serde<T> json(Class<T> type) {
    return new JacksonSerde<>(JsonMapper.builder().findAndAddModules().build(), type);
  }

  /** Found by name, so that nobody needs it who does not use it. */
  static <T> Serde<T> messagePack(Class<T> type) {
    try {
      Class<?> factory = Class.forName("org.msgpack.jackson.dataformat.MessagePackFactory");
      JsonFactory format = (JsonFactory) factory.getConstructor().newInstance();
      return new JacksonSerde<>(new ObjectMapper(format).findAndRegisterModules(), type);
    } catch (ReflectiveOperationException error) {
      throw new IllegalStateException("jackson-dataformat-msgpack is of an unknown version", error);
    }
  }

  @Override
  public byte[] serialize(String topic, T value) {
    try {
      return writer.writeValueAsBytes(value);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  @Override
  public T deserialize(String topic, byte[] data) {
    try {
      return reader.readValue(data);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
