package io.flymq.client.errors;

/** The broker met a state it should never be in. {@link ErrorCode#INTERNAL}, 700. */
public class InternalException extends BrokerException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public InternalException(ErrorDetails details) {
    super(details);
  }
}
