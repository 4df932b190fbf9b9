package io.flymq.client.errors;

/** A defect in FlyMQ itself was caught at the language boundary. {@link ErrorCode#PANIC}, 999. */
public class PanicException extends ClientException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public PanicException(ErrorDetails details) {
    super(details);
  }
}
