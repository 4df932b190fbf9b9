package io.flymq.client.errors;

/** The partition count is not allowed. {@link ErrorCode#INVALID_PARTITIONS}, 304. */
public class InvalidPartitionsException extends TopicException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public InvalidPartitionsException(ErrorDetails details) {
    super(details);
  }
}
