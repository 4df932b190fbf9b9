package io.flymq.client.errors;

/** No answer came in time. {@link ErrorCode#TIMEOUT}, 900. */
public class RequestTimeoutException extends ClientException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public RequestTimeoutException(ErrorDetails details) {
    super(details);
  }
}
