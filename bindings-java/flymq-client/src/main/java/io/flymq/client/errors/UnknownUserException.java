package io.flymq.client.errors;

/** There is no such user. {@link ErrorCode#UNKNOWN_USER}, 206. */
public class UnknownUserException extends SessionException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnknownUserException(ErrorDetails details) {
    super(details);
  }
}
