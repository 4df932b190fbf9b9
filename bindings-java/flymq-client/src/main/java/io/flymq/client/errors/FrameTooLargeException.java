package io.flymq.client.errors;

/** The frame is longer than the receiver takes. {@link ErrorCode#FRAME_TOO_LARGE}, 103. */
public class FrameTooLargeException extends ProtocolException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public FrameTooLargeException(ErrorDetails details) {
    super(details);
  }
}
