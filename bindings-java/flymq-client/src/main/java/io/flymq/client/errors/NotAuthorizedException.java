package io.flymq.client.errors;

/** The session's principal may not do this. {@link ErrorCode#NOT_AUTHORIZED}, 203. */
public class NotAuthorizedException extends SessionException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public NotAuthorizedException(ErrorDetails details) {
    super(details);
  }
}
