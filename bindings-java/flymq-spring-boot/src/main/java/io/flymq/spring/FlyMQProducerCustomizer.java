package io.flymq.spring;

import io.flymq.client.ProducerBuilder;
import io.flymq.client.TransactionalProducerBuilder;

/** A bean that changes options of producers before they start, after the properties were applied. */
public interface FlyMQProducerCustomizer {
  /**
   * Changes options of the producer.
   *
   * @param builder the options
   */
  default void customize(ProducerBuilder<byte[], byte[]> builder) {}

  /**
   * Changes options of a transactional producer.
   *
   * @param builder the options
   */
  default void customize(TransactionalProducerBuilder<byte[], byte[]> builder) {}
}
