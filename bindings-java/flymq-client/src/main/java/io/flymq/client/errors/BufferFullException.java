package io.flymq.client.errors;

/** The producer's buffer stayed full for as long as one was ready to wait. {@link ErrorCode#BUFFER_FULL}, 906. */
public class BufferFullException extends ClientException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public BufferFullException(ErrorDetails details) {
    super(details);
  }
}
