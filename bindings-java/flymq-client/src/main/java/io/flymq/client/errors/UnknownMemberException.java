package io.flymq.client.errors;

/** The group does not know this member. {@link ErrorCode#UNKNOWN_MEMBER}, 500. */
public class UnknownMemberException extends GroupException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnknownMemberException(ErrorDetails details) {
    super(details);
  }
}
