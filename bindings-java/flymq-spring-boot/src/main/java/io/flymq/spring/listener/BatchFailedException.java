package io.flymq.spring.listener;

/**
 * Thrown by a listener of batches to say which record it has failed at: those before count as processed, and the
 * error handler decides about that one alone.
 */
public class BatchFailedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int index;

  /**
   * An exception.
   *
   * @param index the position of the record in the batch, from 0
   * @param cause why it could not be handled
   */
  public BatchFailedException(int index, Throwable cause) {
    super("record " + index + " of the batch could not be handled: " + cause, cause);
    this.index = index;
  }

  /** {@return the position of the record in the batch, from 0} */
  public int index() {
    return index;
  }
}
