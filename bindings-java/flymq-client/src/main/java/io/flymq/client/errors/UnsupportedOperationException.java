package io.flymq.client.errors;

/** This broker or engine does not offer the operation. {@link ErrorCode#UNSUPPORTED_OPERATION}, 107. */
public class UnsupportedOperationException extends ProtocolException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnsupportedOperationException(ErrorDetails details) {
    super(details);
  }
}
