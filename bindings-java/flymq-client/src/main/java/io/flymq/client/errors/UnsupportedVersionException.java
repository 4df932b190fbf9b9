package io.flymq.client.errors;

/** The frame's version byte is not one that the receiver speaks. {@link ErrorCode#UNSUPPORTED_VERSION}, 101. */
public class UnsupportedVersionException extends ProtocolException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnsupportedVersionException(ErrorDetails details) {
    super(details);
  }
}
