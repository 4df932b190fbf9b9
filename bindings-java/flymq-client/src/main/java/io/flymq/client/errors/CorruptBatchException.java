package io.flymq.client.errors;

/** A batch's checksum does not match its bytes. {@link ErrorCode#CORRUPT_BATCH}, 401. */
public class CorruptBatchException extends LogException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public CorruptBatchException(ErrorDetails details) {
    super(details);
  }
}
