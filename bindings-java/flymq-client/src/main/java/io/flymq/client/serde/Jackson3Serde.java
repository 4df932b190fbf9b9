package io.flymq.client.serde;

import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.ObjectReader;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.json.JsonMapper;

/**
 * Values in a format of Jackson 3: JSON, or whatever the mapper writes.
 *
 * @param <T> the values' type
 */
public final class Jackson3Serde<T> implements Serde<T> {
  private final ObjectReader reader;
  private final ObjectWriter writer;

  /**
   * A format.
   *
   * @param mapper reads and writes values
   * @param type the values' type
   */
  public Jackson3Serde(ObjectMapper mapper, Class<T> type) {
    reader = mapper.readerFor(type);
    writer = mapper.writerFor(type);
  }

  static <T> Serde<T> json(Class<T> type) {
    return new Jackson3Serde<>(JsonMapper.builder().findAndAddModules().build(), type);
  }

  @Override
  public byte[] serialize(String topic, T value) {
    return writer.writeValueAsBytes(value);
  }

  @Override
  public T deserialize(String topic, byte[] data) {
    return reader.readValue(data);
  }
}
