package io.flymq.client.errors;

/** An argument or option is not valid. {@link ErrorCode#INVALID_ARGUMENT}, 904. */
public class InvalidArgumentException extends ClientException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public InvalidArgumentException(ErrorDetails details) {
    super(details);
  }
}
