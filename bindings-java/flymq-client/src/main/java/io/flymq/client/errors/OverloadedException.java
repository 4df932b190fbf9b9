package io.flymq.client.errors;

/** The broker has more in flight than it takes. {@link ErrorCode#OVERLOADED}, 704. */
public class OverloadedException extends BrokerException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public OverloadedException(ErrorDetails details) {
    super(details);
  }
}
