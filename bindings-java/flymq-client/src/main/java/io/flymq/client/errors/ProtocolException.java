package io.flymq.client.errors;

/** The bytes of a request or a response were wrong. Codes 100 to 199. */
public class ProtocolException extends FlyMQException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this family.
   *
   * @param details what is known of it
   */
  public ProtocolException(ErrorDetails details) {
    super(details);
  }
}
