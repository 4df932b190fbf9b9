package io.flymq.spring.listener;

import io.flymq.client.Consumer;
import io.flymq.client.ConsumerRecord;
import io.flymq.client.ConsumerRecords;
import io.flymq.client.GroupMetadata;
import io.flymq.client.GroupOffset;
import io.flymq.client.TopicPartition;
import io.flymq.spring.FlyMQProducerFactory;
import io.flymq.spring.listener.FlyMQListenerContainer.Run;
import io.flymq.spring.observation.FlyMQProcessContext;
import io.flymq.spring.observation.FlyMQProcessConvention;
import io.flymq.spring.transaction.FlyMQTransactions;
import io.micrometer.observation.Observation;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.support.DefaultTransactionDefinition;

/** Hands what was polled to the listener, in order, and does as the error handler says. */
final class Dispatcher {
  private static final Logger log = LoggerFactory.getLogger(Dispatcher.class);

  private final FlyMQListenerContainer container;
  private final ContainerOptions options;
  private final Consumer<byte[], byte[]> consumer;
  private final Committer committer;
  private final Run run;
  private final Patience patience;
  private final List<String> addresses;

  /** What was polled and is not dealt with. */
  private final ArrayDeque<ConsumerRecord<byte[], byte[]>> pending = new ArrayDeque<>();

  /** How many times the first of them was handed over. */
  private int attempts;

  /** Waits while the consumer keeps its place in the group. */
  interface Patience {
    /** Returns whether to go on. */
    boolean await(Duration time);
  }

  Dispatcher(
      FlyMQListenerContainer container,
      Consumer<byte[], byte[]> consumer,
      Committer committer,
      Run run,
      Patience patience) {
    this.container = container;
    this.options = container.options();
    this.consumer = consumer;
    this.committer = committer;
    this.run = run;
    this.patience = patience;
    this.addresses = container.consumers().client().addresses();
  }

  void add(@Nullable ConsumerRecords<byte[], byte[]> polled) {
    if (polled != null) {
      for (ConsumerRecord<byte[], byte[]> record : polled) {
        pending.add(record);
        committer.tracker().delivered(record);
      }
    }
  }

  /** These partitions are others' now, and so are their records. */
  void drop(Collection<TopicPartition> partitions) {
    ConsumerRecord<byte[], byte[]> first = pending.peekFirst();
    pending.removeIf(record -> partitions.contains(record.topicPartition()));
    if (pending.peekFirst() != first) {
      attempts = 0;
    }
  }

  /** Deals with all that is pending, unless stopping cuts it short. */
  void dispatch() {
    while (!pending.isEmpty() && !run.isAborted()) {
      attempts++;
      Optional<Duration> again =
          handOver(options.batch ? List.copyOf(pending) : List.of(pending.element()));
      if (again.isPresent() && (run.isAborted() || !patience.await(again.get()))) {
        return;
      }
    }
  }

  /** Returns after how long to hand them over again; empty if they, or some of them, are dealt with. */
  private Optional<Duration> handOver(List<ConsumerRecord<byte[], byte[]>> records) {
    Answer answer = new Answer();
    try {
      answer.records = accepted(records);
      if (!answer.records.isEmpty()) {
        deliver(records, answer);
      }
    } catch (Exception error) {
      return failed(records, answer.records, error);
    } finally {
      answer.over = true;
    }
    Duration nack = answer.nack;
    if (nack != null) {
      return Optional.of(nack);
    }
    if (isTransactional() || !options.ackMode.isManual()) {
      settle(records);
    } else if (answer.records.size() < records.size()) {
      settle(records.stream().filter(record -> !answer.records.contains(record)).toList());
    }
    remove(records.size());
    store(!answer.records.isEmpty());
    return Optional.empty();
  }

  private boolean isTransactional() {
    return options.transactionManager != null;
  }

  /** Commits what is settled as the mode says, unless that was part of a transaction. */
  private void store(boolean inTransaction) {
    if (isTransactional() && inTransaction) {
      committer.tracker().take();
    } else if (options.ackMode == AckMode.RECORD) {
      committer.commitNow();
    } else {
      committer.commitSoon();
    }
  }

  private List<ConsumerRecord<byte[], byte[]>> accepted(
      List<ConsumerRecord<byte[], byte[]>> records) {
    RecordFilter filter = options.filter;
    return filter == null ? records : records.stream().filter(filter::accept).toList();
  }

  private Optional<Duration> failed(
      List<ConsumerRecord<byte[], byte[]>> records,
      List<ConsumerRecord<byte[], byte[]>> accepted,
      Exception error) {
    List<ConsumerRecord<byte[], byte[]>> given = records;
    Exception cause = error;
    if (error instanceof BatchFailedException at
        && at.index() < accepted.size()
        // What was sent for the records before is gone with the transaction.
        && !isTransactional()) {
      int index = records.indexOf(accepted.get(at.index()));
      if (index > 0) {
        settle(records.subList(0, index));
        remove(index);
        attempts = 1;
      }
      given = List.of(records.get(index));
      cause = at.getCause() instanceof Exception inner ? inner : at;
    }
    if (run.isAborted()) {
      return Optional.of(Duration.ZERO);
    }
    ListenerFailure failure =
        new ListenerFailure(given, cause, attempts, container.id(), container.group());
    try {
      Optional<Duration> again =
          inTransaction(given, () -> options.errorHandler.handle(failure), Optional::isEmpty);
      if (again.isEmpty()) {
        settle(given);
        remove(given.size());
        store(true);
      }
      return again;
    } catch (Exception handlerError) {
      log.error(
          "Listener {} could not give {} records up and tries again in {}",
          container.id(),
          given.size(),
          options.recoveryInterval,
          handlerError);
      return Optional.of(options.recoveryInterval);
    }
  }

  /** Forgets the first ones, which are dealt with. */
  private void remove(int count) {
    for (int i = 0; i < count; i++) {
      pending.remove();
    }
    attempts = 0;
  }

  /** They are dealt with. */
  private void settle(List<ConsumerRecord<byte[], byte[]>> records) {
    records.forEach(committer.tracker()::acknowledged);
  }

  private void deliver(List<ConsumerRecord<byte[], byte[]>> records, Answer answer)
      throws Exception {
    inTransaction(
        records,
        () -> {
          if (options.observations.isNoop()) {
            call(answer);
          } else {
            observe(answer);
          }
          return answer;
        },
        said -> said.nack == null);
  }

  private void call(Answer answer) throws Exception {
    List<ConsumerRecord<byte[], byte[]>> records = answer.records;
    ListenerInterceptor interceptor = options.interceptor;
    Delivery delivery =
        new Delivery(container.id(), container.group(), attempts, answer, consumer);
    if (interceptor == null) {
      container.handler().handle(records, delivery);
      return;
    }
    try {
      interceptor.before(records);
      container.handler().handle(records, delivery);
    } catch (Throwable error) {
      interceptor.after(records, error);
      throw error;
    }
    interceptor.after(records, null);
  }

  private void observe(Answer answer) throws Exception {
    List<ConsumerRecord<byte[], byte[]>> records = answer.records;
    Observation.createNotStarted(
            options.convention,
            FlyMQProcessConvention.DEFAULT,
            () ->
                new FlyMQProcessContext(records, container.id(), container.group(), addresses),
            options.observations)
        .<Exception>observeChecked(() -> call(answer));
  }

  private interface Work<T> {
    T run() throws Exception;
  }

  /** Runs work, if listeners are transactional in a transaction with the records' offsets if they are settled. */
  private <T> T inTransaction(
      List<ConsumerRecord<byte[], byte[]>> records,
      Work<T> work,
      Predicate<T> settles)
      throws Exception {
    PlatformTransactionManager manager = options.transactionManager;
    FlyMQProducerFactory producers = options.transactionalProducers;
    if (manager == null || producers == null) {
      return work.run();
    }
    TransactionStatus status = manager.getTransaction(new DefaultTransactionDefinition());
    T result;
    try {
      result = work.run();
      var transaction = FlyMQTransactions.current(producers);
      GroupMetadata member = consumer.groupMetadata();
      if (settles.test(result) && transaction != null && member != null) {
        transaction.sendOffsets(member, lastOf(records));
      }
    } catch (Throwable error) {
      if (!status.isCompleted()) {
        manager.rollback(status);
      }
      throw error;
    }
    if (settles.test(result)) {
      manager.commit(status);
    } else {
      manager.rollback(status);
    }
    return result;
  }

  private static List<GroupOffset> lastOf(List<ConsumerRecord<byte[], byte[]>> records) {
    return new ArrayList<>(
        records.stream()
            .collect(
                Collectors.toMap(
                    ConsumerRecord::topicPartition, GroupOffset::of, (first, last) -> last))
            .values());
  }

  /** What the listener says of what it was handed. */
  private final class Answer implements Acknowledgment {
    private List<ConsumerRecord<byte[], byte[]>> records = List.of();
    private volatile boolean over;
    private @Nullable Duration nack;

    @Override
    public void acknowledge() {
      if (!options.ackMode.isManual() || isTransactional()) {
        return;
      }
      settle(records);
      if (options.ackMode == AckMode.MANUAL_IMMEDIATE) {
        committer.commitNow();
      } else if (over) {
        committer.commitSoon();
      }
    }

    @Override
    public void nack(Duration delay) {
      if (over) {
        throw new IllegalStateException("nack is for while the listener is called");
      }
      nack = delay;
    }
  }
}
