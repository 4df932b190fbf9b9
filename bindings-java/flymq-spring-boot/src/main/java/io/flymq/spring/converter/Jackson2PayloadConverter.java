package io.flymq.spring.converter;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Type;
import org.jspecify.annotations.Nullable;

/** Objects as JSON, by Jackson 2. */
public class Jackson2PayloadConverter implements PayloadConverter {
  private final ObjectMapper mapper;

  /**
   * A converter.
   *
   * @param mapper reads and writes objects
   */
  public Jackson2PayloadConverter(ObjectMapper mapper) {
    this.mapper = mapper;
  }

  @Override
  public byte[] toBytes(Object payload) {
    try {
      return mapper.writeValueAsBytes(payload);
    } catch (JsonProcessingException error) {
      throw new UncheckedIOException(error);
    }
  }

  @Override
  public @Nullable Object fromBytes(byte[] data, Type type) {
    try {
      return mapper.readValue(data, mapper.getTypeFactory().constructType(type));
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
