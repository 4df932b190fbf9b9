package io.flymq.client.errors;

/** Reading from or writing to a partition. Codes 400 to 499. */
public class LogException extends FlyMQException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this family.
   *
   * @param details what is known of it
   */
  public LogException(ErrorDetails details) {
    super(details);
  }
}
