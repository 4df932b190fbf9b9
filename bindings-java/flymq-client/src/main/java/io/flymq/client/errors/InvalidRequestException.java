package io.flymq.client.errors;

/** A field's value is outside its documented bounds. {@link ErrorCode#INVALID_REQUEST}, 105. */
public class InvalidRequestException extends ProtocolException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public InvalidRequestException(ErrorDetails details) {
    super(details);
  }
}
