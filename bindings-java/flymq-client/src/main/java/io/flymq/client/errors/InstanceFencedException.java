package io.flymq.client.errors;

/** A newer member with the same instance id has taken this one's place. {@link ErrorCode#INSTANCE_FENCED}, 505. */
public class InstanceFencedException extends GroupException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public InstanceFencedException(ErrorDetails details) {
    super(details);
  }
}
