package io.flymq.client.errors;

/** The payload is not the MessagePack map that the operation wants. {@link ErrorCode#MALFORMED_PAYLOAD}, 104. */
public class MalformedPayloadException extends ProtocolException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public MalformedPayloadException(ErrorDetails details) {
    super(details);
  }
}
