package io.flymq.client.errors;

/** The first byte of a frame was not 0xFB. {@link ErrorCode#BAD_MAGIC}, 100. */
public class BadMagicException extends ProtocolException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public BadMagicException(ErrorDetails details) {
    super(details);
  }
}
