package io.flymq.spring.listener;

import io.flymq.client.TopicPartition;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How one consumer of a container is.
 *
 * @param state what it does
 * @param partitions what it reads, as of its last poll
 * @param error why it is {@link State#RECOVERING} or {@link State#FAILED}
 */
public record ConsumerStatus(
    State state, Set<TopicPartition> partitions, @Nullable Throwable error) {
  /** What a consumer does. */
  public enum State {
    /** It was not started, or was stopped. */
    STOPPED,
    /** It reads. */
    RUNNING,
    /** It met an error, and will begin anew in a moment. */
    RECOVERING,
    /** It has ended for good: the listener has thrown an {@code Error}, or reading is pointless. */
    FAILED
  }

  /** {@return whether all is as it should be} */
  public boolean isHealthy() {
    return state == State.STOPPED || state == State.RUNNING;
  }
}
