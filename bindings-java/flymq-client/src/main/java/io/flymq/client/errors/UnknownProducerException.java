package io.flymq.client.errors;

/** The broker no longer knows this producer id. {@link ErrorCode#UNKNOWN_PRODUCER}, 407. */
public class UnknownProducerException extends LogException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnknownProducerException(ErrorDetails details) {
    super(details);
  }
}
