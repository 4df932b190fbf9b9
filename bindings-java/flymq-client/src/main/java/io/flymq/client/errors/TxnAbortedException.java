package io.flymq.client.errors;

/** The transaction was aborted, by a time-out for instance. {@link ErrorCode#TXN_ABORTED}, 601. */
public class TxnAbortedException extends TransactionException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public TxnAbortedException(ErrorDetails details) {
    super(details);
  }
}
