package io.flymq.client.errors;

/** The broker does not take this authentication mechanism. {@link ErrorCode#UNSUPPORTED_MECHANISM}, 202. */
public class UnsupportedMechanismException extends SessionException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnsupportedMechanismException(ErrorDetails details) {
    super(details);
  }
}
