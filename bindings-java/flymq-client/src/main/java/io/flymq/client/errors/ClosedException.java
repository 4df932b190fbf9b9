package io.flymq.client.errors;

/** The client, producer or consumer is closed. {@link ErrorCode#CLOSED}, 903. */
public class ClosedException extends ClientException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public ClosedException(ErrorDetails details) {
    super(details);
  }
}
