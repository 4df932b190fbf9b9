package io.flymq.client.errors;

/** The connection was lost before the answer came. {@link ErrorCode#CONNECTION_LOST}, 902. */
public class ConnectionLostException extends ClientException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public ConnectionLostException(ErrorDetails details) {
    super(details);
  }
}
