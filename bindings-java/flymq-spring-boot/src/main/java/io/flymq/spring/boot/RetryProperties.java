package io.flymq.spring.boot;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** How requests are tried again. */
public class RetryProperties {
  /** The first pause before trying again; it doubles each time. By default 50 ms. */
  private @Nullable Duration initialBackoff;

  /** The longest pause before trying again. By default 2 s. */
  private @Nullable Duration maxBackoff;

  /** Default properties. */
  public RetryProperties() {}

  /** {@return the property initial-backoff} */
  public @Nullable Duration getInitialBackoff() {
    return initialBackoff;
  }

  /**
   * Sets it.
   *
   * @param initialBackoff the property initial-backoff
   */
  public void setInitialBackoff(@Nullable Duration initialBackoff) {
    this.initialBackoff = initialBackoff;
  }

  /** {@return the property max-backoff} */
  public @Nullable Duration getMaxBackoff() {
    return maxBackoff;
  }

  /**
   * Sets it.
   *
   * @param maxBackoff the property max-backoff
   */
  public void setMaxBackoff(@Nullable Duration maxBackoff) {
    this.maxBackoff = maxBackoff;
  }
}
