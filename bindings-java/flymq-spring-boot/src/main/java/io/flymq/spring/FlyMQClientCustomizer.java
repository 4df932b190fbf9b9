package io.flymq.spring;

import io.flymq.client.FlyMQClientBuilder;

/** A bean that changes options of the client before it connects, after the properties were applied. */
@FunctionalInterface
public interface FlyMQClientCustomizer {
  /**
   * Changes options.
   *
   * @param builder the options
   */
  void customize(FlyMQClientBuilder builder);
}
