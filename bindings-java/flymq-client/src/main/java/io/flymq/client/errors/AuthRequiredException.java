package io.flymq.client.errors;

/** The operation needs an authenticated session. {@link ErrorCode#AUTH_REQUIRED}, 200. */
public class AuthRequiredException extends SessionException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public AuthRequiredException(ErrorDetails details) {
    super(details);
  }
}
