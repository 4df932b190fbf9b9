package io.flymq.client.errors;

/** A record is larger than the topic takes. {@link ErrorCode#RECORD_TOO_LARGE}, 402. */
public class RecordTooLargeException extends LogException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public RecordTooLargeException(ErrorDetails details) {
    super(details);
  }
}
