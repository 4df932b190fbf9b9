package io.flymq.spring.boot;

import io.flymq.spring.listener.AckMode;
import java.time.Duration;
import org.springframework.boot.context.properties.NestedConfigurationProperty;

/** How methods with {@code @FlyMQListener} are called. */
public class ListenerProperties {
  /** Whether listeners start with the application. */
  private boolean autoStartup = true;

  /** How many consumers a listener has, each with a thread. */
  private int concurrency = 1;

  /** When records count as processed. */
  private AckMode ackMode = AckMode.BATCH;

  /** How long a poll waits for records. */
  private Duration pollTimeout = Duration.ofSeconds(1);

  /** How long stopping waits until what was polled is handled. */
  private Duration shutdownTimeout = Duration.ofSeconds(10);

  /** How long to wait before reading is begun anew after an error that does not pass by itself. */
  private Duration recoveryInterval = Duration.ofSeconds(5);

  /** Whether the application does not start if a listener's topic is missing. */
  private boolean missingTopicsFatal = false;

  /**
   * Whether records are handled in transactions, each with its offset. Needs flymq.producer.transaction-id-
   * prefix.
   */
  private boolean transactional = false;

  @NestedConfigurationProperty
  private final AttemptsProperties retry = new AttemptsProperties();

  @NestedConfigurationProperty
  private final DeadLetterProperties deadLetter = new DeadLetterProperties();

  /** Default properties. */
  public ListenerProperties() {}

  /** {@return the property auto-startup} */
  public boolean isAutoStartup() {
    return autoStartup;
  }

  /**
   * Sets it.
   *
   * @param autoStartup the property auto-startup
   */
  public void setAutoStartup(boolean autoStartup) {
    this.autoStartup = autoStartup;
  }

  /** {@return the property concurrency} */
  public int getConcurrency() {
    return concurrency;
  }

  /**
   * Sets it.
   *
   * @param concurrency the property concurrency
   */
  public void setConcurrency(int concurrency) {
    this.concurrency = concurrency;
  }

  /** {@return the property ack-mode} */
  public AckMode getAckMode() {
    return ackMode;
  }

  /**
   * Sets it.
   *
   * @param ackMode the property ack-mode
   */
  public void setAckMode(AckMode ackMode) {
    this.ackMode = ackMode;
  }

  /** {@return the property poll-timeout} */
  public Duration getPollTimeout() {
    return pollTimeout;
  }

  /**
   * Sets it.
   *
   * @param pollTimeout the property poll-timeout
   */
  public void setPollTimeout(Duration pollTimeout) {
    this.pollTimeout = pollTimeout;
  }

  /** {@return the property shutdown-timeout} */
  public Duration getShutdownTimeout() {
    return shutdownTimeout;
  }

  /**
   * Sets it.
   *
   * @param shutdownTimeout the property shutdown-timeout
   */
  public void setShutdownTimeout(Duration shutdownTimeout) {
    this.shutdownTimeout = shutdownTimeout;
  }

  /** {@return the property recovery-interval} */
  public Duration getRecoveryInterval() {
    return recoveryInterval;
  }

  /**
   * Sets it.
   *
   * @param recoveryInterval the property recovery-interval
   */
  public void setRecoveryInterval(Duration recoveryInterval) {
    this.recoveryInterval = recoveryInterval;
  }

  /** {@return the property missing-topics-fatal} */
  public boolean isMissingTopicsFatal() {
    return missingTopicsFatal;
  }

  /**
   * Sets it.
   *
   * @param missingTopicsFatal the property missing-topics-fatal
   */
  public void setMissingTopicsFatal(boolean missingTopicsFatal) {
    this.missingTopicsFatal = missingTopicsFatal;
  }

  /** {@return the property transactional} */
  public boolean isTransactional() {
    return transactional;
  }

  /**
   * Sets it.
   *
   * @param transactional the property transactional
   */
  public void setTransactional(boolean transactional) {
    this.transactional = transactional;
  }

  /** {@return the properties below retry} */
  public AttemptsProperties getRetry() {
    return retry;
  }

  /** {@return the properties below dead-letter} */
  public DeadLetterProperties getDeadLetter() {
    return deadLetter;
  }
}
