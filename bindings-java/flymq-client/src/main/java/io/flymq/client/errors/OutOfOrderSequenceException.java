package io.flymq.client.errors;

/** A batch's sequence does not follow the producer's last one. {@link ErrorCode#OUT_OF_ORDER_SEQUENCE}, 405. */
public class OutOfOrderSequenceException extends LogException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public OutOfOrderSequenceException(ErrorDetails details) {
    super(details);
  }
}
