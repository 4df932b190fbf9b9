package io.flymq.client.internal;

import io.flymq.client.errors.ErrorCode;
import io.flymq.client.errors.ErrorDetails;
import io.flymq.client.errors.FlyMQException;

/** Errors of the native library as exceptions. */
public final class Errors {
  private Errors() {}

  /**
   * Passes over the status of an answer.
   *
   * @param answer the answer
   * @return what follows, if the call has succeeded
   * @throws FlyMQException why it has failed, if it has
   */
  public static In check(In answer) {
    if (answer.int8() != 0) {
      throw read(answer);
    }
    return answer;
  }

  /**
   * Reads an error.
   *
   * @param in where it is
   * @return the exception, with those that led to it as its causes
   */
  public static FlyMQException read(In in) {
    ErrorDetails details =
        new ErrorDetails(
            in.int32(),
            in.text(),
            in.text(),
            in.text(),
            in.text(),
            in.flag(),
            in.flag(),
            in.flag());
    FlyMQException error = FlyMQException.of(details);
    if (in.flag()) {
      error.initCause(read(in));
    }
    return error;
  }

  /**
   * An error about an argument.
   *
   * @param message what is wrong
   * @return the exception
   */
  public static FlyMQException invalid(String message) {
    return ErrorCode.INVALID_ARGUMENT.exception(message);
  }
}
