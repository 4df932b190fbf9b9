package io.flymq.client;

import java.util.Collection;

/**
 * Hears of changes of a consumer's share of its group's partitions, on the thread that calls {@link
 * Consumer#poll}, {@link Consumer#unsubscribe} or {@link Consumer#close()}. It may use the consumer, but
 * not poll or close it. What it throws, that call throws.
 */
public interface RebalanceListener {
  /**
   * New partitions, of which no record was returned yet: the application may seek.
   *
   * @param consumer the consumer
   * @param partitions the partitions
   */
  default void onAssigned(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {}

  /**
   * Partitions that are about to be given up: the application may commit what it has processed of them.
   * With auto-commit that happens afterwards by itself.
   *
   * @param consumer the consumer
   * @param partitions the partitions
   */
  default void onRevoked(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {}

  /**
   * Partitions that others may have by now: nothing can be committed any more.
   *
   * @param consumer the consumer
   * @param partitions the partitions
   */
  default void onLost(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {}
}
