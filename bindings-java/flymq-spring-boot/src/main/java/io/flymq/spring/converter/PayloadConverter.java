package io.flymq.spring.converter;

import java.lang.reflect.Type;
import org.jspecify.annotations.Nullable;

/**
 * Turns objects into bytes and back. A bean of this type takes the place of JSON. It is not asked about text,
 * bytes and {@code null}, which need no conversion.
 */
public interface PayloadConverter {
  /**
   * Turns an object into bytes.
   *
   * @param payload the object
   * @return the bytes
   */
  byte[] toBytes(Object payload);

  /**
   * Turns bytes into an object.
   *
   * @param data the bytes
   * @param type the object's type
   * @return the object
   */
  @Nullable Object fromBytes(byte[] data, Type type);
}
