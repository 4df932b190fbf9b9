package io.flymq.spring.listener;

import io.flymq.client.errors.FlyMQException;
import io.flymq.spring.FlyMQConsumerFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.core.task.AsyncTaskExecutor;
import org.springframework.core.task.SimpleAsyncTaskExecutor;

/**
 * Reads topics with one or more consumers and hands what they bring to a handler. Outages of brokers are waited
 * out. Stopping handles what was polled first.
 */
public final class FlyMQListenerContainer implements SmartLifecycle {
  /** Among the last to start and the first to stop. */
  public static final int PHASE = Integer.MAX_VALUE - 100;

  private static final Logger log = LoggerFactory.getLogger(FlyMQListenerContainer.class);
  private static final Duration AFTER_INTERRUPT = Duration.ofSeconds(2);

  private final String id;
  private final FlyMQConsumerFactory consumers;
  private final ContainerOptions options;
  private final RecordHandler handler;
  private final ReentrantLock starting = new ReentrantLock();
  private volatile List<ConsumerLoop> loops = List.of();
  private volatile Run run = Run.ended();
  private volatile boolean paused;

  /** From one start to the next stop. */
  static final class Run {
    private final CountDownLatch stop = new CountDownLatch(1);
    private volatile boolean aborted;

    static Run ended() {
      Run run = new Run();
      run.stop.countDown();
      return run;
    }

    /** Whether nothing more is to be polled. */
    boolean isStopping() {
      return stop.getCount() == 0;
    }

    /** Whether what was polled is not to be finished either. */
    boolean isAborted() {
      return aborted;
    }

    /** Waits unless it is stopped meanwhile. */
    void sleep(Duration time) {
      try {
        stop.await(time.toMillis(), TimeUnit.MILLISECONDS);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * A container.
   *
   * @param id its name
   * @param consumers makes its consumers
   * @param options how it reads
   * @param handler what records are handed to
   */
  public FlyMQListenerContainer(
      String id, FlyMQConsumerFactory consumers, ContainerOptions options, RecordHandler handler) {
    this.id = id;
    this.consumers = consumers;
    this.options = options.copy();
    this.handler = handler;
    if (options.concurrency < 1) {
      throw new ListenerConfigurationException(
          "listener " + id + " has a concurrency of " + options.concurrency, "make it 1 or more");
    }
    if (options.topics.isEmpty() && options.pattern == null) {
      throw new ListenerConfigurationException(
          "listener " + id + " has no topic", "give it topics, or a pattern of their names");
    }
    if (group() == null) {
      throw new ListenerConfigurationException(
          "listener " + id + " has no group",
          "set flymq.consumer.group-id, or group of @FlyMQListener");
    }
  }

  /** {@return the container's name} */
  public String id() {
    return id;
  }

  /** {@return the group it reads for} */
  public @Nullable String group() {
    return options.group != null ? options.group : consumers.group();
  }

  /** {@return how its consumers are; none before it was first started} */
  public List<ConsumerStatus> status() {
    return loops.stream().map(ConsumerLoop::status).toList();
  }

  RecordHandler handler() {
    return handler;
  }

  ContainerOptions options() {
    return options;
  }

  FlyMQConsumerFactory consumers() {
    return consumers;
  }

  /**
   * Starts reading.
   *
   * @throws ListenerConfigurationException if a topic is missing and that is fatal
   * @throws FlyMQException if the consumers' options are not valid
   */
  @Override
  public void start() {
    starting.lock();
    try {
      if (!isRunning()) {
        loops.forEach(ConsumerLoop::awaitEnd);
        checkTopics();
        Run begun = new Run();
        loops = open(begun);
        run = begun;
        AsyncTaskExecutor given = options.taskExecutor;
        loops.forEach((given != null ? given : new SimpleAsyncTaskExecutor(id + "-"))::execute);
      }
    } finally {
      starting.unlock();
    }
  }

  private List<ConsumerLoop> open(Run begun) {
    List<ConsumerLoop> opened = new ArrayList<>();
    try {
      for (int i = 0; i < options.concurrency; i++) {
        ConsumerLoop loop = new ConsumerLoop(this, begun);
        loop.open();
        opened.add(loop);
      }
      return opened;
    } catch (RuntimeException error) {
      opened.forEach(ConsumerLoop::closeUnused);
      throw error;
    }
  }

  private void checkTopics() {
    if (options.pattern != null) {
      return;
    }
    Set<String> missing = new TreeSet<>(options.topics);
    try {
      Map<String, Integer> there = consumers.client().admin().listTopics();
      missing.removeAll(there.keySet());
    } catch (FlyMQException error) {
      log.warn("Listener {} starts although its topics could not be looked up", id, error);
      return;
    }
    if (missing.isEmpty()) {
      return;
    }
    if (options.missingTopicsFatal) {
      throw new ListenerConfigurationException(
          "listener " + id + " reads topics that do not exist: " + String.join(", ", missing),
          "create them, with beans of type NewTopic for instance,"
              + " or set flymq.listener.missing-topics-fatal=false");
    }
    log.warn("Listener {} will read {} once there are such topics", id, missing);
  }

  /** Handles what was polled, for as long as the shutdown time-out allows, and stops reading. */
  @Override
  public void stop() {
    signalStop();
    awaitStop();
  }

  /** Has all consumers stop, without waiting for that. */
  void signalStop() {
    run.stop.countDown();
    loops.forEach(ConsumerLoop::wakeUp);
  }

  /** Waits for all consumers; those that take too long are interrupted. */
  void awaitStop() {
    List<ConsumerLoop> stopping =
        loops.stream().filter(loop -> !loop.isCurrentThread()).toList();
    long deadline = System.nanoTime() + options.shutdownTimeout.toNanos();
    for (ConsumerLoop loop : stopping) {
      if (!loop.awaitEnd(Duration.ofNanos(deadline - System.nanoTime()))) {
        log.warn(
            "Listener {} did not finish within {}; what it leaves is read again later",
            id,
            options.shutdownTimeout);
        run.aborted = true;
        stopping.forEach(ConsumerLoop::interrupt);
        stopping.forEach(left -> left.awaitEnd(AFTER_INTERRUPT));
        return;
      }
    }
  }

  @Override
  public boolean isRunning() {
    return !run.isStopping();
  }

  /** Reads no more records until {@link #resume()}, and keeps its place in the group. */
  public void pause() {
    paused = true;
    loops.forEach(ConsumerLoop::wakeUp);
  }

  /** Ends a {@link #pause()}. */
  public void resume() {
    paused = false;
    loops.forEach(ConsumerLoop::wakeUp);
  }

  /** {@return whether it is to read no records} */
  public boolean isPaused() {
    return paused;
  }

  @Override
  public boolean isAutoStartup() {
    return options.autoStartup;
  }

  @Override
  public int getPhase() {
    return PHASE;
  }
}
