package io.flymq.client.errors;

/** The group has as many members as the broker takes. {@link ErrorCode#GROUP_FULL}, 507. */
public class GroupFullException extends GroupException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public GroupFullException(ErrorDetails details) {
    super(details);
  }
}
