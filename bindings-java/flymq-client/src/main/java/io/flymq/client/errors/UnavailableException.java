package io.flymq.client.errors;

/**
 * The Kafka cluster behind a gateway cannot serve the request now. {@link ErrorCode#UNAVAILABLE},
 * 705.
 */
public class UnavailableException extends BrokerException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnavailableException(ErrorDetails details) {
    super(details);
  }
}
