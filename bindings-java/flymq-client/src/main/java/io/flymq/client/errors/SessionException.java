package io.flymq.client.errors;

/** The session with the broker: authentication, permission, connection limits. Codes 200 to 299. */
public class SessionException extends FlyMQException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this family.
   *
   * @param details what is known of it
   */
  public SessionException(ErrorDetails details) {
    super(details);
  }
}
