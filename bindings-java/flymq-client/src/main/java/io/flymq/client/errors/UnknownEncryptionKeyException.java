package io.flymq.client.errors;

/** The keyring has no key of the id that a record names. {@link ErrorCode#UNKNOWN_ENCRYPTION_KEY}, 911. */
public class UnknownEncryptionKeyException extends ClientException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnknownEncryptionKeyException(ErrorDetails details) {
    super(details);
  }
}
