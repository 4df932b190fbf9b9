package io.flymq.client.errors;

/** The connection could not be secured. {@link ErrorCode#TLS_FAILED}, 908. */
public class TlsFailedException extends ClientException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public TlsFailedException(ErrorDetails details) {
    super(details);
  }
}
