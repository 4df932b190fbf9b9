package io.flymq.client.errors;

/** Consumer groups. Codes 500 to 599. */
public class GroupException extends FlyMQException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this family.
   *
   * @param details what is known of it
   */
  public GroupException(ErrorDetails details) {
    super(details);
  }
}
