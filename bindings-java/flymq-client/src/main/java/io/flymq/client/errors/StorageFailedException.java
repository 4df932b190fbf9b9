package io.flymq.client.errors;

/** The broker's storage failed. {@link ErrorCode#STORAGE_FAILED}, 702. */
public class StorageFailedException extends BrokerException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public StorageFailedException(ErrorDetails details) {
    super(details);
  }
}
