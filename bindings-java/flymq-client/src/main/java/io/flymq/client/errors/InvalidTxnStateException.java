package io.flymq.client.errors;

/** The transaction is not in a state that allows this. {@link ErrorCode#INVALID_TXN_STATE}, 600. */
public class InvalidTxnStateException extends TransactionException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public InvalidTxnStateException(ErrorDetails details) {
    super(details);
  }
}
