package io.flymq.spring;

import io.flymq.client.ConsumerBuilder;

/** A bean that changes options of consumers before they start, after the properties were applied. */
@FunctionalInterface
public interface FlyMQConsumerCustomizer {
  /**
   * Changes options.
   *
   * @param builder the options
   */
  void customize(ConsumerBuilder<byte[], byte[]> builder);
}
