package io.flymq.spring.listener;

import io.flymq.client.ConsumerRecord;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Is told of every call of a listener, on its thread. */
public interface ListenerInterceptor {
  /**
   * Records are about to be handed over. What it throws counts as thrown by the listener.
   *
   * @param records one record, or those of a batch
   */
  default void before(List<ConsumerRecord<byte[], byte[]>> records) {}

  /**
   * Records were handed over.
   *
   * @param records one record, or those of a batch
   * @param error what the listener has thrown; {@code null} if nothing
   */
  default void after(List<ConsumerRecord<byte[], byte[]>> records, @Nullable Throwable error) {}
}
