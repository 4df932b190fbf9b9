package io.flymq.client.errors;

/** The topic has no partition of this number. {@link ErrorCode#UNKNOWN_PARTITION}, 303. */
public class UnknownPartitionException extends TopicException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnknownPartitionException(ErrorDetails details) {
    super(details);
  }
}
