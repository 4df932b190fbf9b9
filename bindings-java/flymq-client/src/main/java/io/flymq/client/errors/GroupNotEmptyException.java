package io.flymq.client.errors;

/** The group still has members. {@link ErrorCode#GROUP_NOT_EMPTY}, 503. */
public class GroupNotEmptyException extends GroupException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public GroupNotEmptyException(ErrorDetails details) {
    super(details);
  }
}
