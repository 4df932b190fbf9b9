package io.flymq.client.errors;

/** A topic configuration key or value is not allowed. {@link ErrorCode#INVALID_CONFIG}, 305. */
public class InvalidConfigException extends TopicException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public InvalidConfigException(ErrorDetails details) {
    super(details);
  }
}
