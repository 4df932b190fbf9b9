package io.flymq.client.errors;

/** The broker is stopping. {@link ErrorCode#SHUTTING_DOWN}, 703. */
public class ShuttingDownException extends BrokerException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public ShuttingDownException(ErrorDetails details) {
    super(details);
  }
}
