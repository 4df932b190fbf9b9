package io.flymq.client.errors;

/** No operation has this number. {@link ErrorCode#UNKNOWN_OPCODE}, 102. */
public class UnknownOpcodeException extends ProtocolException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public UnknownOpcodeException(ErrorDetails details) {
    super(details);
  }
}
