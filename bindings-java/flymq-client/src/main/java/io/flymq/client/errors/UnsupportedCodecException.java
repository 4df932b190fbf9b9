package io.flymq.client.errors;

/** The batch's compression codec is not known. {@link ErrorCode#UNSUPPORTED_CODEC}, 404. */
public class UnsupportedCodecException extends LogException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnsupportedCodecException(ErrorDetails details) {
    super(details);
  }
}
