package io.flymq.client.errors;

/** The broker has as many connections as it takes. {@link ErrorCode#TOO_MANY_CONNECTIONS}, 204. */
public class TooManyConnectionsException extends SessionException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public TooManyConnectionsException(ErrorDetails details) {
    super(details);
  }
}
