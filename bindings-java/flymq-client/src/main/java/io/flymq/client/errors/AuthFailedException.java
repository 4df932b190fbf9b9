package io.flymq.client.errors;

/** The credentials were not accepted. {@link ErrorCode#AUTH_FAILED}, 201. */
public class AuthFailedException extends SessionException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public AuthFailedException(ErrorDetails details) {
    super(details);
  }
}
