package io.flymq.spring.boot;

import io.flymq.client.BrokerInfo;
import io.flymq.client.FlyMQClient;
import io.flymq.spring.listener.ConsumerStatus;
import io.flymq.spring.listener.FlyMQListenerContainer;
import io.flymq.spring.listener.FlyMQListenerRegistry;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * How the broker and the listeners are, for the health indicators of the generations of Spring Boot. It is down if
 * the broker does not answer in time, or if a listener's consumer has failed or is recovering from an error.
 */
public class FlyMQHealth {
  private final FlyMQClient client;
  private final @Nullable FlyMQListenerRegistry listeners;
  private final Duration timeout;

  /**
   * A check.
   *
   * @param client the client
   * @param listeners the listeners, if there are any
   * @param timeout how long the broker may take to answer
   */
  public FlyMQHealth(
      FlyMQClient client, @Nullable FlyMQListenerRegistry listeners, Duration timeout) {
    this.client = client;
    this.listeners = listeners;
    this.timeout = timeout;
  }

  /**
   * What was found.
   *
   * @param up whether all is well
   * @param details what there is to tell, by name
   * @param error why it is not well, if an exception says so
   */
  public record Result(boolean up, Map<String, Object> details, @Nullable Throwable error) {}

  /** {@return how things are now} */
  public Result check() {
    Map<String, Object> details = new LinkedHashMap<>();
    Throwable error = null;
    try {
      BrokerInfo broker = broker();
      details.put("version", broker.version());
      details.put("address", broker.address());
      details.put("clusterId", broker.clusterId());
    } catch (ExecutionException failed) {
      error = failed.getCause();
    } catch (TimeoutException late) {
      details.put("timeout", "no answer within " + timeout.toMillis() + " ms");
      return new Result(false, details, null);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      return new Result(false, details, interrupted);
    }
    boolean up = error == null;
    if (listeners != null && !listeners.containers().isEmpty()) {
      Map<String, Object> states = new LinkedHashMap<>();
      for (FlyMQListenerContainer container : listeners.containers()) {
        List<ConsumerStatus> consumers = container.status();
        up &= consumers.stream().allMatch(ConsumerStatus::isHealthy);
        states.put(container.id(), describe(container, consumers));
      }
      details.put("listeners", states);
    }
    return new Result(up, details, error);
  }

  private static Map<String, Object> describe(
      FlyMQListenerContainer container, List<ConsumerStatus> consumers) {
    Map<String, Object> details = new LinkedHashMap<>();
    details.put("group", String.valueOf(container.group()));
    details.put("state", state(container, consumers));
    consumers.stream()
        .map(ConsumerStatus::error)
        .filter(error -> error != null)
        .findFirst()
        .ifPresent(error -> details.put("error", String.valueOf(error)));
    details.put("partitions", consumers.stream().mapToInt(c -> c.partitions().size()).sum());
    return details;
  }

  private static String state(FlyMQListenerContainer container, List<ConsumerStatus> consumers) {
    for (ConsumerStatus.State worst :
        List.of(ConsumerStatus.State.FAILED, ConsumerStatus.State.RECOVERING)) {
      if (consumers.stream().anyMatch(consumer -> consumer.state() == worst)) {
        return worst.name();
      }
    }
    if (!container.isRunning()) {
      return ConsumerStatus.State.STOPPED.name();
    }
    return container.isPaused() ? "PAUSED" : ConsumerStatus.State.RUNNING.name();
  }

  /** On a thread of its own: the client goes on trying for as long as its own time-out, which is longer. */
  private BrokerInfo broker() throws ExecutionException, TimeoutException, InterruptedException {
    FutureTask<BrokerInfo> task =
        new FutureTask<>(
            () -> {
              client.ping();
              return client.broker();
            });
    Thread thread = new Thread(task, "flymq-health");
    thread.setDaemon(true);
    thread.start();
    try {
      return task.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } finally {
      task.cancel(true);
    }
  }
}
