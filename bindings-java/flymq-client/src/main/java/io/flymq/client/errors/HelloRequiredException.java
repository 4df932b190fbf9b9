package io.flymq.client.errors;

/** The connection's first request was not HELLO. {@link ErrorCode#HELLO_REQUIRED}, 106. */
public class HelloRequiredException extends ProtocolException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public HelloRequiredException(ErrorDetails details) {
    super(details);
  }
}
