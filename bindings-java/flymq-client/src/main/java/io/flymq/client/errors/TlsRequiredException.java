package io.flymq.client.errors;

/** The broker takes connections within TLS only, and this one is not. {@link ErrorCode#TLS_REQUIRED}, 205. */
public class TlsRequiredException extends SessionException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public TlsRequiredException(ErrorDetails details) {
    super(details);
  }
}
