package io.flymq.spring.boot;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The template. */
public class TemplateProperties {
  /** Where sendDefault sends to. */
  private @Nullable String defaultTopic;

  /** How long receive waits for a record. */
  private Duration receiveTimeout = Duration.ofSeconds(5);

  /** Default properties. */
  public TemplateProperties() {}

  /** {@return the property default-topic} */
  public @Nullable String getDefaultTopic() {
    return defaultTopic;
  }

  /**
   * Sets it.
   *
   * @param defaultTopic the property default-topic
   */
  public void setDefaultTopic(@Nullable String defaultTopic) {
    this.defaultTopic = defaultTopic;
  }

  /** {@return the property receive-timeout} */
  public Duration getReceiveTimeout() {
    return receiveTimeout;
  }

  /**
   * Sets it.
   *
   * @param receiveTimeout the property receive-timeout
   */
  public void setReceiveTimeout(Duration receiveTimeout) {
    this.receiveTimeout = receiveTimeout;
  }
}
