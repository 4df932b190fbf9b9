package io.flymq.spring.listener;

import io.flymq.client.ConsumerRecord;
import io.flymq.spring.converter.ConversionException;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.messaging.converter.MessageConversionException;
import org.springframework.messaging.handler.invocation.MethodArgumentResolutionException;
import org.springframework.util.backoff.BackOff;
import org.springframework.util.backoff.BackOffExecution;

/**
 * Has records handed over again, with pauses between, and gives them to a {@link RecordRecoverer} in the end, or
 * at once if trying again does not help.
 */
public class DefaultErrorHandler implements ErrorHandler {
  private static final Logger log = LoggerFactory.getLogger(DefaultErrorHandler.class);
  private static final List<Class<? extends Throwable>> HOPELESS =
      List.of(
          ConversionException.class,
          MessageConversionException.class,
          MethodArgumentResolutionException.class,
          NoSuchMethodException.class,
          ClassCastException.class);

  private final BackOff backOff;
  private final RecordRecoverer recoverer;
  private final Set<Class<? extends Throwable>> notRetryable = new LinkedHashSet<>(HOPELESS);

  /**
   * A handler.
   *
   * @param backOff how often, and how long to wait between
   * @param recoverer deals with records that are given up
   */
  public DefaultErrorHandler(BackOff backOff, RecordRecoverer recoverer) {
    this.backOff = backOff;
    this.recoverer = recoverer;
  }

  /**
   * Pauses that get longer.
   *
   * @param maxAttempts how often a record is handed over at most, the first time included
   * @param initial the first pause
   * @param multiplier what each pause is multiplied with for the next
   * @param max the longest pause
   * @return the pauses
   */
  public static BackOff backOff(
      int maxAttempts, Duration initial, double multiplier, Duration max) {
    return () ->
        new BackOffExecution() {
          private int attempts = 1;
          private double next = initial.toMillis();

          @Override
          public long nextBackOff() {
            if (attempts++ >= maxAttempts) {
              return STOP;
            }
            double pause = Math.min(next, max.toMillis());
            next = pause * multiplier;
            return (long) pause;
          }
        };
  }

  /**
   * Adds exceptions after which trying again does not help, also where they are causes of others.
   *
   * @param types their classes
   * @return this
   */
  public DefaultErrorHandler addNotRetryable(Collection<Class<? extends Throwable>> types) {
    notRetryable.addAll(types);
    return this;
  }

  @Override
  public Optional<Duration> handle(ListenerFailure failure) throws Exception {
    if (isRetryable(failure.exception())) {
      long pause = pause(failure.attempt());
      if (pause != BackOffExecution.STOP) {
        log.warn(
            "Listener {} failed with {} in attempt {}, and tries again in {} ms",
            failure.listenerId(),
            describe(failure.records()),
            failure.attempt(),
            pause,
            failure.exception());
        return Optional.of(Duration.ofMillis(pause));
      }
    }
    log.error(
        "Listener {} gives {} up after {} attempts",
        failure.listenerId(),
        describe(failure.records()),
        failure.attempt(),
        failure.exception());
    for (ConsumerRecord<byte[], byte[]> record : failure.records()) {
      recoverer.recover(record, failure);
    }
    return Optional.empty();
  }

  private boolean isRetryable(Throwable exception) {
    for (@Nullable Throwable e = exception; e != null; e = e.getCause()) {
      for (Class<? extends Throwable> type : notRetryable) {
        if (type.isInstance(e)) {
          return false;
        }
      }
    }
    return true;
  }

  private long pause(int attempt) {
    BackOffExecution execution = backOff.start();
    long pause = BackOffExecution.STOP;
    for (int i = 0; i < attempt; i++) {
      pause = execution.nextBackOff();
      if (pause == BackOffExecution.STOP) {
        break;
      }
    }
    return pause;
  }

  private static String describe(List<ConsumerRecord<byte[], byte[]>> records) {
    ConsumerRecord<byte[], byte[]> first = records.get(0);
    String where = "offset " + first.offset() + " of " + first.topicPartition();
    return records.size() == 1 ? where : records.size() + " records from " + where;
  }
}
