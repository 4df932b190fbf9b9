package io.flymq.client.errors;

/** An encrypted record does not fit its key, topic and record key, or was altered. {@link ErrorCode#DECRYPTION_FAILED}, 910. */
public class DecryptionFailedException extends ClientException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public DecryptionFailedException(ErrorDetails details) {
    super(details);
  }
}
