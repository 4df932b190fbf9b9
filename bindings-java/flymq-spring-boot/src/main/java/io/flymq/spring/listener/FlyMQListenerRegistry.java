package io.flymq.spring.listener;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;
import org.springframework.context.SmartLifecycle;

/** The containers of all {@link FlyMQListener} methods. Starts and stops them with the application. */
public final class FlyMQListenerRegistry implements SmartLifecycle {
  private final Map<String, FlyMQListenerContainer> containers = new ConcurrentSkipListMap<>();
  private volatile boolean running;

  /** An empty registry. */
  public FlyMQListenerRegistry() {}

  /**
   * Adds a container.
   *
   * @param container the container
   * @throws ListenerConfigurationException if there is one of that id
   */
  public void register(FlyMQListenerContainer container) {
    if (containers.putIfAbsent(container.id(), container) != null) {
      throw new ListenerConfigurationException(
          "there are two listeners with the id " + container.id(), "give each its own");
    }
    if (running && container.isAutoStartup()) {
      container.start();
    }
  }

  /**
   * The container of a listener.
   *
   * @param id its id
   * @return the container; {@code null} if there is none
   */
  public @Nullable FlyMQListenerContainer container(String id) {
    return containers.get(id);
  }

  /** {@return all containers, by id} */
  public Collection<FlyMQListenerContainer> containers() {
    return List.copyOf(containers.values());
  }

  @Override
  public void start() {
    try {
      containers.values().stream()
          .filter(FlyMQListenerContainer::isAutoStartup)
          .forEach(FlyMQListenerContainer::start);
      running = true;
    } catch (RuntimeException error) {
      stop();
      throw error;
    }
  }

  /** Stops all of them at once, each within its own shutdown time-out. */
  @Override
  public void stop() {
    running = false;
    containers.values().forEach(FlyMQListenerContainer::signalStop);
    containers.values().forEach(FlyMQListenerContainer::awaitStop);
  }

  @Override
  public boolean isRunning() {
    return running;
  }

  @Override
  public int getPhase() {
    return FlyMQListenerContainer.PHASE;
  }
}
