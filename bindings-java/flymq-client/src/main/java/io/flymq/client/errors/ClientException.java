package io.flymq.client.errors;

/** Thrown by the client, never sent by a broker. Codes 900 to 999. */
public class ClientException extends FlyMQException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this family.
   *
   * @param details what is known of it
   */
  public ClientException(ErrorDetails details) {
    super(details);
  }
}
