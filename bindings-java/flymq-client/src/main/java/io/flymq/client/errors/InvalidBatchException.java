package io.flymq.client.errors;

/** A batch's records are not what its header says, or not well formed. {@link ErrorCode#INVALID_BATCH}, 403. */
public class InvalidBatchException extends LogException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public InvalidBatchException(ErrorDetails details) {
    super(details);
  }
}
