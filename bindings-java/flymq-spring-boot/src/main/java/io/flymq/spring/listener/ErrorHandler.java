package io.flymq.spring.listener;

import java.time.Duration;
import java.util.Optional;

/** Decides what becomes of records that a listener could not handle. */
@FunctionalInterface
public interface ErrorHandler {
  /**
   * Decides. Called on the listener's thread, in the listener's transaction if it has one.
   *
   * @param failure what has happened
   * @return after how long the records are to be handed over again, while the consumer keeps its place in the
   *     group; empty if they are dealt with and count as processed
   * @throws Exception if they could not be dealt with: they are handed over again later
   */
  Optional<Duration> handle(ListenerFailure failure) throws Exception;
}
