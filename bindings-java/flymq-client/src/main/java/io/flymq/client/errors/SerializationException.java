package io.flymq.client.errors;

/** A value could not be turned into bytes, or back. {@link ErrorCode#SERIALIZATION}, 905. */
public class SerializationException extends ClientException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of this code.
   *
   * @param details what is known of it
   */
  public SerializationException(ErrorDetails details) {
    super(details);
  }
}
