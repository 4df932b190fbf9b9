package io.flymq.spring.listener;

/** A bean that changes the options of every listener's container, after annotation and properties were applied. */
@FunctionalInterface
public interface ContainerCustomizer {
  /**
   * Changes options.
   *
   * @param id the container's name
   * @param options its options
   */
  void customize(String id, ContainerOptions options);
}
