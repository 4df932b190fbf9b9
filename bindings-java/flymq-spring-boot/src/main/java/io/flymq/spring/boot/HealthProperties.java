package io.flymq.spring.boot;

import java.time.Duration;

/** The health indicator. */
public class HealthProperties {
  /** How long the broker may take to answer before it counts as down. */
  private Duration timeout = Duration.ofSeconds(5);

  /** Default properties. */
  public HealthProperties() {}

  /** {@return the property timeout} */
  public Duration getTimeout() {
    return timeout;
  }

  /**
   * Sets it.
   *
   * @param timeout the property timeout
   */
  public void setTimeout(Duration timeout) {
    this.timeout = timeout;
  }
}
