package io.flymq.spring.converter;

import java.lang.reflect.Type;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JavaType;
import tools.jackson.databind.ObjectMapper;

/** Objects as JSON, by Jackson 3. */
public class JacksonPayloadConverter implements PayloadConverter {
  private final ObjectMapper mapper;

  /**
   * A converter.
   *
   * @param mapper reads and writes objects
   */
  public JacksonPayloadConverter(ObjectMapper mapper) {
    this.mapper = mapper;
  }

  @Override
  public byte[] toBytes(Object payload) {
    return mapper.writeValueAsBytes(payload);
  }

  @Override
  public @Nullable Object fromBytes(byte[] data, Type type) {
    JavaType target = mapper.getTypeFactory().constructType(type);
    return mapper.readValue(data, target);
  }
}
