package io.flymq.client.errors;

/** The broker's own state. Codes 700 to 799. */
public class BrokerException extends FlyMQException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this family.
   *
   * @param details what is known of it
   */
  public BrokerException(ErrorDetails details) {
    super(details);
  }
}
