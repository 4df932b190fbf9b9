package io.flymq.client.errors;

/** A newer producer has taken this one's place. {@link ErrorCode#PRODUCER_FENCED}, 406. */
public class ProducerFencedException extends LogException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public ProducerFencedException(ErrorDetails details) {
    super(details);
  }
}
