package io.flymq.client.errors;

/** A transaction that is still open may yet change the group's offsets. {@link ErrorCode#UNSTABLE_OFFSETS}, 506. */
public class UnstableOffsetsException extends GroupException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnstableOffsetsException(ErrorDetails details) {
    super(details);
  }
}
