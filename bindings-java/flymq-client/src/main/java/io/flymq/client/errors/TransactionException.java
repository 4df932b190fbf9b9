package io.flymq.client.errors;

/** Transactions. Codes 600 to 699. */
public class TransactionException extends FlyMQException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this family.
   *
   * @param details what is known of it
   */
  public TransactionException(ErrorDetails details) {
    super(details);
  }
}
