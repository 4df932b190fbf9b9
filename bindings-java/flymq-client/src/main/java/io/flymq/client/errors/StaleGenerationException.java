package io.flymq.client.errors;

/** The member's generation is over. {@link ErrorCode#STALE_GENERATION}, 501. */
public class StaleGenerationException extends GroupException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public StaleGenerationException(ErrorDetails details) {
    super(details);
  }
}
