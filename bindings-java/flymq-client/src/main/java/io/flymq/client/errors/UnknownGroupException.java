package io.flymq.client.errors;

/** There is no such group. {@link ErrorCode#UNKNOWN_GROUP}, 502. */
public class UnknownGroupException extends GroupException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnknownGroupException(ErrorDetails details) {
    super(details);
  }
}
