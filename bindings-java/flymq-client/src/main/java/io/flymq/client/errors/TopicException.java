package io.flymq.client.errors;

/** A topic, its partitions or its configuration. Codes 300 to 399. */
public class TopicException extends FlyMQException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this family.
   *
   * @param details what is known of it
   */
  public TopicException(ErrorDetails details) {
    super(details);
  }
}
