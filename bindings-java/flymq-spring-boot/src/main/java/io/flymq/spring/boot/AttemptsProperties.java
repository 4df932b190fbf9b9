package io.flymq.spring.boot;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** How records that a listener could not handle are handed over again. */
public class AttemptsProperties {
  /** How often a record is handed over at most, the first time included. */
  private int maxAttempts = 3;

  /** The first pause. */
  private Duration initialInterval = Duration.ofSeconds(1);

  /** What each pause is multiplied with for the next. */
  private double multiplier = 2;

  /** The longest pause. */
  private Duration maxInterval = Duration.ofSeconds(10);

  /** Exceptions after which trying again does not help. */
  private List<Class<? extends Throwable>> notRetryable = new ArrayList<>();

  /** Default properties. */
  public AttemptsProperties() {}

  /** {@return the property max-attempts} */
  public int getMaxAttempts() {
    return maxAttempts;
  }

  /**
   * Sets it.
   *
   * @param maxAttempts the property max-attempts
   */
  public void setMaxAttempts(int maxAttempts) {
    this.maxAttempts = maxAttempts;
  }

  /** {@return the property initial-interval} */
  public Duration getInitialInterval() {
    return initialInterval;
  }

  /**
   * Sets it.
   *
   * @param initialInterval the property initial-interval
   */
  public void setInitialInterval(Duration initialInterval) {
    this.initialInterval = initialInterval;
  }

  /** {@return the property multiplier} */
  public double getMultiplier() {
    return multiplier;
  }

  /**
   * Sets it.
   *
   * @param multiplier the property multiplier
   */
  public void setMultiplier(double multiplier) {
    this.multiplier = multiplier;
  }

  /** {@return the property max-interval} */
  public Duration getMaxInterval() {
    return maxInterval;
  }

  /**
   * Sets it.
   *
   * @param maxInterval the property max-interval
   */
  public void setMaxInterval(Duration maxInterval) {
    this.maxInterval = maxInterval;
  }

  /** {@return the property not-retryable} */
  public List<Class<? extends Throwable>> getNotRetryable() {
    return notRetryable;
  }

  /**
   * Sets it.
   *
   * @param notRetryable the property not-retryable
   */
  public void setNotRetryable(List<Class<? extends Throwable>> notRetryable) {
    this.notRetryable = notRetryable;
  }
}
