package io.flymq.client.errors;

/** The topic is there already. {@link ErrorCode#TOPIC_EXISTS}, 301. */
public class TopicExistsException extends TopicException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public TopicExistsException(ErrorDetails details) {
    super(details);
  }
}
