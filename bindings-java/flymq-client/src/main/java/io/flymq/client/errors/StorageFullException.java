package io.flymq.client.errors;

/** The broker's disk is full; reading goes on. {@link ErrorCode#STORAGE_FULL}, 701. */
public class StorageFullException extends BrokerException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public StorageFullException(ErrorDetails details) {
    super(details);
  }
}
