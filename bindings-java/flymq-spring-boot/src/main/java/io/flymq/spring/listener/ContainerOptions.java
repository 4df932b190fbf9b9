package io.flymq.spring.listener;

import io.flymq.spring.FlyMQProducerFactory;
import io.flymq.spring.observation.FlyMQProcessConvention;
import io.micrometer.observation.ObservationRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.springframework.core.task.AsyncTaskExecutor;
import org.springframework.transaction.PlatformTransactionManager;

/** How a container reads, and what it does with what it has read. */
public final class ContainerOptions {
  List<String> topics = List.of();
  @Nullable String pattern;
  @Nullable String group;
  int concurrency = 1;
  boolean batch;
  AckMode ackMode = AckMode.BATCH;
  boolean autoStartup = true;
  boolean missingTopicsFatal;
  Duration pollTimeout = Duration.ofSeconds(1);
  Duration shutdownTimeout = Duration.ofSeconds(10);
  Duration recoveryInterval = Duration.ofSeconds(5);
  Map<String, String> consumerOptions = Map.of();
  @Nullable AsyncTaskExecutor taskExecutor;
  ErrorHandler errorHandler = failure -> Optional.of(Duration.ofSeconds(1));
  @Nullable RecordFilter filter;
  @Nullable ListenerInterceptor interceptor;
  Consumer<Throwable> failureListener = error -> {};
  @Nullable PlatformTransactionManager transactionManager;
  @Nullable FlyMQProducerFactory transactionalProducers;
  ObservationRegistry observations = ObservationRegistry.NOOP;
  @Nullable FlyMQProcessConvention convention;

  /** Default options. */
  public ContainerOptions() {}

  /** {@return the same options, to be changed on their own} */
  public ContainerOptions copy() {
    ContainerOptions copy = new ContainerOptions();
    copy.topics = topics;
    copy.pattern = pattern;
    copy.group = group;
    copy.concurrency = concurrency;
    copy.batch = batch;
    copy.ackMode = ackMode;
    copy.autoStartup = autoStartup;
    copy.missingTopicsFatal = missingTopicsFatal;
    copy.pollTimeout = pollTimeout;
    copy.shutdownTimeout = shutdownTimeout;
    copy.recoveryInterval = recoveryInterval;
    copy.consumerOptions = consumerOptions;
    copy.taskExecutor = taskExecutor;
    copy.errorHandler = errorHandler;
    copy.filter = filter;
    copy.interceptor = interceptor;
    copy.failureListener = failureListener;
    copy.transactionManager = transactionManager;
    copy.transactionalProducers = transactionalProducers;
    copy.observations = observations;
    copy.convention = convention;
    return copy;
  }

  /**
   * The topics to read.
   *
   * @param topics the topics
   * @return this
   */
  public ContainerOptions topics(List<String> topics) {
    this.topics = List.copyOf(topics);
    return this;
  }

  /**
   * Which topics to read, now and later, in place of {@link #topics}.
   *
   * @param pattern a regular expression in RE2 syntax for whole names
   * @return this
   */
  public ContainerOptions pattern(@Nullable String pattern) {
    this.pattern = pattern;
    return this;
  }

  /**
   * The group to read for. Default that of the consumer factory.
   *
   * @param group the group
   * @return this
   */
  public ContainerOptions group(@Nullable String group) {
    this.group = group;
    return this;
  }

  /**
   * How many consumers share the work, each with a thread. Default 1.
   *
   * @param consumers how many, 1 or more
   * @return this
   */
  public ContainerOptions concurrency(int consumers) {
    this.concurrency = consumers;
    return this;
  }

  /**
   * Whether all records of a poll are handed over at once. Default no.
   *
   * @param batch whether they are
   * @return this
   */
  public ContainerOptions batch(boolean batch) {
    this.batch = batch;
    return this;
  }

  /**
   * When the group learns that records are processed. Default {@link AckMode#BATCH}.
   *
   * @param mode when
   * @return this
   */
  public ContainerOptions ackMode(AckMode mode) {
    this.ackMode = mode;
    return this;
  }

  /**
   * Whether the container starts with the application. Default yes.
   *
   * @param start whether it does
   * @return this
   */
  public ContainerOptions autoStartup(boolean start) {
    this.autoStartup = start;
    return this;
  }

  /**
   * Whether the container does not start if a topic is missing. Default no: it is read once it is there.
   *
   * @param fatal whether it does not
   * @return this
   */
  public ContainerOptions missingTopicsFatal(boolean fatal) {
    this.missingTopicsFatal = fatal;
    return this;
  }

  /**
   * How long a poll waits for records. Default 1 s.
   *
   * @param timeout the time
   * @return this
   */
  public ContainerOptions pollTimeout(Duration timeout) {
    this.pollTimeout = timeout;
    return this;
  }

  /**
   * How long stopping waits until what was polled is handled. Default 10 s; then the thread is interrupted, and
   * what is left is read again later.
   *
   * @param timeout the time
   * @return this
   */
  public ContainerOptions shutdownTimeout(Duration timeout) {
    this.shutdownTimeout = timeout;
    return this;
  }

  /**
   * How long to wait before reading is begun anew after an error that does not pass by itself. Default 5 s.
   *
   * @param interval the time
   * @return this
   */
  public ContainerOptions recoveryInterval(Duration interval) {
    this.recoveryInterval = interval;
    return this;
  }

  /**
   * Options of the consumers, by the names in {@code docs/options.md}, that go before the factory's.
   *
   * @param options the options
   * @return this
   */
  public ContainerOptions consumerOptions(Map<String, String> options) {
    this.consumerOptions = Map.copyOf(options);
    return this;
  }

  /**
   * Where the consumers run. Default a thread for each.
   *
   * @param executor starts a thread a task
   * @return this
   */
  public ContainerOptions taskExecutor(@Nullable AsyncTaskExecutor executor) {
    this.taskExecutor = executor;
    return this;
  }

  /**
   * What becomes of records that cannot be handled. Default they are handed over again every second.
   *
   * @param handler decides
   * @return this
   */
  public ContainerOptions errorHandler(ErrorHandler handler) {
    this.errorHandler = handler;
    return this;
  }

  /**
   * Which records are handed over. Default all.
   *
   * @param filter says which
   * @return this
   */
  public ContainerOptions filter(@Nullable RecordFilter filter) {
    this.filter = filter;
    return this;
  }

  /**
   * Who is told of each call. Default nobody.
   *
   * @param interceptor who
   * @return this
   */
  public ContainerOptions interceptor(@Nullable ListenerInterceptor interceptor) {
    this.interceptor = interceptor;
    return this;
  }

  /**
   * Who is told when a consumer has ended for good. Default nobody but the log and the health indicator.
   *
   * @param listener is told why
   * @return this
   */
  public ContainerOptions failureListener(Consumer<Throwable> listener) {
    this.failureListener = listener;
    return this;
  }

  /**
   * Has records handled in transactions, each with its offset: what the listener sends is seen if, and only if,
   * the record counts as processed. Acknowledgments do nothing then.
   *
   * @param manager begins and ends transactions
   * @param producers whose transactions those are
   * @return this
   */
  public ContainerOptions transactions(
      PlatformTransactionManager manager, FlyMQProducerFactory producers) {
    this.transactionManager = manager;
    this.transactionalProducers = producers;
    return this;
  }

  /**
   * Who is told of records that are handled. Default nobody.
   *
   * @param registry who is told
   * @param convention the names; {@code null} for the default ones
   * @return this
   */
  public ContainerOptions observations(
      ObservationRegistry registry, @Nullable FlyMQProcessConvention convention) {
    this.observations = registry;
    this.convention = convention;
    return this;
  }

  @Override
  public String toString() {
    return "ContainerOptions[topics="
        + topics
        + ", pattern="
        + pattern
        + ", group="
        + group
        + ", concurrency="
        + concurrency
        + ", batch="
        + batch
        + ", ackMode="
        + ackMode
        + ", autoStartup="
        + autoStartup
        + ", missingTopicsFatal="
        + missingTopicsFatal
        + ", pollTimeout="
        + pollTimeout
        + ", shutdownTimeout="
        + shutdownTimeout
        + ", recoveryInterval="
        + recoveryInterval
        + ", transactional="
        + (transactionManager != null)
        + "]";
  }
}
