package io.flymq.spring.listener;

import io.flymq.spring.FlyMQConsumerFactory;

/** Makes containers with common options. */
public class FlyMQListenerContainerFactory {
  private final FlyMQConsumerFactory consumers;
  private final ContainerOptions defaults;

  /**
   * A factory.
   *
   * @param consumers makes the containers' consumers
   * @param defaults the options of containers, unless a listener has its own
   */
  public FlyMQListenerContainerFactory(
      FlyMQConsumerFactory consumers, ContainerOptions defaults) {
    this.consumers = consumers;
    this.defaults = defaults.copy();
  }

  /** {@return the options of containers, to be changed for one} */
  public ContainerOptions options() {
    return defaults.copy();
  }

  /**
   * Makes a container.
   *
   * @param id its name
   * @param options its options
   * @param handler what records are handed to
   * @return the container, not started
   * @throws ListenerConfigurationException if it could not work
   */
  public FlyMQListenerContainer create(
      String id, ContainerOptions options, RecordHandler handler) {
    return new FlyMQListenerContainer(id, consumers, options, handler);
  }
}
