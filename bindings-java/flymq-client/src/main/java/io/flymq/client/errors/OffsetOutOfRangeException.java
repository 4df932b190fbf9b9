package io.flymq.client.errors;

/** The offset lies outside the partition's valid range. {@link ErrorCode#OFFSET_OUT_OF_RANGE}, 400. */
public class OffsetOutOfRangeException extends LogException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public OffsetOutOfRangeException(ErrorDetails details) {
    super(details);
  }
}
