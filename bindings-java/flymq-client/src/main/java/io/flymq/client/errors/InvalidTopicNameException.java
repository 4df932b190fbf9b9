package io.flymq.client.errors;

/** The topic's name is not allowed. {@link ErrorCode#INVALID_TOPIC_NAME}, 302. */
public class InvalidTopicNameException extends TopicException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public InvalidTopicNameException(ErrorDetails details) {
    super(details);
  }
}
