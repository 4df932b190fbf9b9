package io.flymq.spring.converter;

import org.jspecify.annotations.Nullable;
import org.springframework.core.NestedRuntimeException;

/** A key or value could not be turned into bytes, or back. Trying again does not help. */
public class ConversionException extends NestedRuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * An exception.
   *
   * @param message what could not be converted
   * @param cause why
   */
  public ConversionException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
