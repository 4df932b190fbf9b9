package io.flymq.client.errors;

/** The wait was interrupted by the host. {@link ErrorCode#INTERRUPTED}, 907. */
public class WaitInterruptedException extends ClientException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public WaitInterruptedException(ErrorDetails details) {
    super(details);
  }
}
