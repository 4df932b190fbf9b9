package io.flymq.client.errors;

/** The user is there already. {@link ErrorCode#USER_EXISTS}, 207. */
public class UserExistsException extends SessionException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UserExistsException(ErrorDetails details) {
    super(details);
  }
}
