package io.flymq.spring.listener;

import io.flymq.client.Consumer;
import io.flymq.client.ConsumerRecords;
import io.flymq.client.RebalanceListener;
import io.flymq.client.TopicPartition;
import io.flymq.client.errors.ClosedException;
import io.flymq.client.errors.FlyMQException;
import io.flymq.client.errors.InstanceFencedException;
import io.flymq.client.errors.InvalidArgumentException;
import io.flymq.client.errors.WaitInterruptedException;
import io.flymq.spring.listener.ConsumerStatus.State;
import io.flymq.spring.listener.FlyMQListenerContainer.Run;
import java.time.Duration;
import java.util.Collection;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One consumer of a container, and the thread that polls it. */
final class ConsumerLoop implements Runnable {
  private static final Logger log = LoggerFactory.getLogger(ConsumerLoop.class);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);

  private final FlyMQListenerContainer container;
  private final ContainerOptions options;
  private final Run run;
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile ConsumerStatus status = new ConsumerStatus(State.RUNNING, Set.of(), null);
  private volatile @Nullable Thread thread;
  private volatile @Nullable Reading reading;

  ConsumerLoop(FlyMQListenerContainer container, Run run) {
    this.container = container;
    this.options = container.options();
    this.run = run;
  }

  ConsumerStatus status() {
    return status;
  }

  /** Opens the first consumer, so that what is wrong with its options keeps the application from starting. */
  void open() {
    reading = new Reading();
  }

  @Override
  public void run() {
    thread = Thread.currentThread();
    try {
      while (!run.isStopping()) {
        try {
          readToTheEnd();
        } catch (Exception error) {
          if (isPointless(error)) {
            throw error;
          }
          recoverFrom(error);
        }
      }
      closeUnused();
      status = new ConsumerStatus(State.STOPPED, Set.of(), null);
    } catch (Throwable error) {
      log.error(
          "Listener {} has ended: nothing is read until it is stopped and started",
          container.id(),
          error);
      status = new ConsumerStatus(State.FAILED, Set.of(), error);
      options.failureListener.accept(error);
    } finally {
      thread = null;
      ended.countDown();
    }
  }

  /** Another consumer of this name runs, or nothing will ever change. */
  private static boolean isPointless(Exception error) {
    return error instanceof InstanceFencedException
        || error instanceof InvalidArgumentException
        || error instanceof ClosedException;
  }

  private void recoverFrom(Exception error) {
    if (!run.isStopping()) {
      log.error(
          "Listener {} begins to read anew in {}", container.id(), options.recoveryInterval, error);
      status = new ConsumerStatus(State.RECOVERING, Set.of(), error);
      run.sleep(options.recoveryInterval);
    }
  }

  private void readToTheEnd() {
    Reading current = reading;
    if (current == null) {
      current = new Reading();
      reading = current;
    }
    try {
      current.read();
      current.finish();
    } catch (Throwable error) {
      current.abandon(error);
      throw error;
    } finally {
      reading = null;
    }
  }

  /** A consumer that was opened but never polled, because the container was stopped at once. */
  void closeUnused() {
    Reading unused = reading;
    if (unused != null) {
      unused.finish();
    }
  }

  boolean isCurrentThread() {
    return Thread.currentThread() == thread;
  }

  void wakeUp() {
    Reading current = reading;
    if (current != null) {
      try {
        current.consumer.wakeup();
      } catch (ClosedException gone) {
        // Then there is nothing to wake.
      }
    }
  }

  void interrupt() {
    Thread running = thread;
    if (running != null) {
      running.interrupt();
    }
  }

  void awaitEnd() {
    awaitEnd(options.shutdownTimeout);
  }

  boolean awaitEnd(Duration timeout) {
    try {
      return ended.await(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** What goes on with one consumer, from opening to closing it. */
  private final class Reading implements RebalanceListener, Dispatcher.Patience {
    private final Consumer<byte[], byte[]> consumer;
    private final Committer committer;
    private final Dispatcher dispatcher;
    private boolean paused;

    Reading() {
      String group = options.group;
      consumer =
          container
              .consumers()
              .create(
                  options.consumerOptions,
                  builder ->
                      (group == null ? builder : builder.group(group))
                          .autoCommit(false)
                          .rebalanceListener(this));
      committer = new Committer(container.id(), consumer);
      dispatcher = new Dispatcher(container, consumer, committer, run, this);
      if (options.pattern != null) {
        consumer.subscribePattern(options.pattern);
      } else {
        consumer.subscribe(options.topics);
      }
    }

    void read() {
      while (!run.isStopping()) {
        pauseOrResume(container.isPaused());
        dispatcher.add(poll(options.pollTimeout));
        status = new ConsumerStatus(State.RUNNING, status.partitions(), null);
        dispatcher.dispatch();
        committer.commitSoon();
      }
    }

    private @Nullable ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
      try {
        return consumer.poll(timeout);
      } catch (WaitInterruptedException woken) {
        if (Thread.interrupted()) {
          log.debug("Listener {} was interrupted", container.id());
        }
        return null;
      }
    }

    private void pauseOrResume(boolean pause) {
      if (pause != paused) {
        paused = pause;
        if (pause) {
          consumer.pause(consumer.assignment());
        } else {
          consumer.resume(consumer.assignment());
        }
      }
    }

    /** Waits without reading on, but polls, so that the consumer keeps its place in the group. */
    @Override
    public boolean await(Duration time) {
      long deadline = System.nanoTime() + time.toNanos();
      pauseOrResume(true);
      long left;
      while (!run.isStopping() && (left = deadline - System.nanoTime()) > 0) {
        dispatcher.add(poll(Duration.ofNanos(left)));
      }
      pauseOrResume(container.isPaused());
      return !run.isStopping();
    }

    @Override
    public void onAssigned(Consumer<?, ?> told, Collection<TopicPartition> partitions) {
      if (paused) {
        consumer.pause(partitions);
      }
      Set<TopicPartition> all = new TreeSet<>(status.partitions());
      all.addAll(partitions);
      status = new ConsumerStatus(State.RUNNING, all, null);
    }

    @Override
    public void onRevoked(Consumer<?, ?> told, Collection<TopicPartition> partitions) {
      committer.commitNow();
      onLost(told, partitions);
    }

    @Override
    public void onLost(Consumer<?, ?> told, Collection<TopicPartition> partitions) {
      dispatcher.drop(partitions);
      committer.tracker().forget(partitions);
      Set<TopicPartition> all = new TreeSet<>(status.partitions());
      all.removeAll(partitions);
      status = new ConsumerStatus(State.RUNNING, all, null);
    }

    void finish() {
      // An interrupt was meant for the listener; closing has its own time.
      Thread.interrupted();
      committer.commitNow();
      consumer.close(CLOSE_TIMEOUT);
    }

    void abandon(Throwable cause) {
      Thread.interrupted();
      try {
        if (!run.isAborted()) {
          committer.commitNow();
        }
        consumer.abandon();
      } catch (FlyMQException error) {
        cause.addSuppressed(error);
      }
    }
  }
}
