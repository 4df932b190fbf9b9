package io.flymq.client.errors;

/** There is no such topic. {@link ErrorCode#UNKNOWN_TOPIC}, 300. */
public class UnknownTopicException extends TopicException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnknownTopicException(ErrorDetails details) {
    super(details);
  }
}
