package io.flymq.client.errors;

/** No connection to any broker could be made. {@link ErrorCode#CONNECT_FAILED}, 901. */
public class ConnectFailedException extends ClientException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public ConnectFailedException(ErrorDetails details) {
    super(details);
  }
}
