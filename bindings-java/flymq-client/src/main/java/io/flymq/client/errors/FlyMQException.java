package io.flymq.client.errors;

/**
 * The root of all errors that FlyMQ throws.
 *
 * <p>A family class stands for each hundred of codes, such as {@link TopicException} for 300 to 399,
 * and a class for each code, such as {@link UnknownTopicException} for 300. A code that a newer
 * broker has added comes as its family.
 */
public class FlyMQException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ErrorDetails details;

  /**
   * An error.
   *
   * @param details what is known of it
   */
  public FlyMQException(ErrorDetails details) {
    super(text(details));
    this.details = details;
  }

  /**
   * The exception for an error, of the class that stands for its code.
   *
   * @param details what is known of it
   * @return the exception
   */
  public static FlyMQException of(ErrorDetails details) {
    return ErrorCode.of(details.code())
        .map(code -> code.exception(details))
        .orElseGet(
            () ->
                switch (details.code() / 100) {
                  case 1 -> new ProtocolException(details);
                  case 2 -> new SessionException(details);
                  case 3 -> new TopicException(details);
                  case 4 -> new LogException(details);
                  case 5 -> new GroupException(details);
                  case 6 -> new TransactionException(details);
                  case 7 -> new BrokerException(details);
                  case 9 -> new ClientException(details);
                  default -> new FlyMQException(details);
                });
  }

  private static String text(ErrorDetails details) {
    String operation = details.operation().isEmpty() ? "" : details.operation() + ": ";
    String text = operation + details.message() + " (" + details.name() + " " + details.code();
    return details.hint().isEmpty() ? text + ")" : text + "; " + details.hint() + ")";
  }

  /**
   * The number in the table of errors.
   *
   * @return the code
   */
  public int code() {
    return details.code();
  }

  /**
   * The code's stable name.
   *
   * @return a name such as {@code UNKNOWN_TOPIC}
   */
  public String name() {
    return details.name();
  }

  /**
   * Whether the same call may succeed if made again.
   *
   * @return whether it may
   */
  public boolean isRetriable() {
    return details.retriable();
  }

  /**
   * Whether nothing came of a transaction that may succeed if it is run again from its beginning,
   * which for a consumer is {@code rewind()}.
   *
   * @return whether it may
   */
  public boolean isAbortable() {
    return details.abortable();
  }

  /**
   * Whether the producer, consumer or client that it comes from can do nothing more: close it.
   *
   * @return whether that is so
   */
  public boolean isFatal() {
    return details.fatal();
  }

  /**
   * What was being done.
   *
   * @return a word such as {@code produce}; empty where that is plain
   */
  public String operation() {
    return details.operation();
  }

  /**
   * What to do about it.
   *
   * @return one sentence; may be empty
   */
  public String hint() {
    return details.hint();
  }

  /**
   * What is known of the error.
   *
   * @return code, name, message, flags and hint
   */
  public ErrorDetails details() {
    return details;
  }
}
