package io.flymq.client.errors;

/** The group's name is not allowed. {@link ErrorCode#INVALID_GROUP}, 504. */
public class InvalidGroupException extends GroupException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public InvalidGroupException(ErrorDetails details) {
    super(details);
  }
}
