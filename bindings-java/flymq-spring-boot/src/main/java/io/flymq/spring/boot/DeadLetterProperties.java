package io.flymq.spring.boot;

/** What becomes of records that are given up. */
public class DeadLetterProperties {
  /** Whether they are sent to another topic. Otherwise they are logged and lost. */
  private boolean enabled = true;

  /** What is put behind the topic's name. */
  private String suffix = ".dlq";

  /** Default properties. */
  public DeadLetterProperties() {}

  /** {@return the property enabled} */
  public boolean isEnabled() {
    return enabled;
  }

  /**
   * Sets it.
   *
   * @param enabled the property enabled
   */
  public void setEnabled(boolean enabled) {
    this.enabled = enabled;
  }

  /** {@return the property suffix} */
  public String getSuffix() {
    return suffix;
  }

  /**
   * Sets it.
   *
   * @param suffix the property suffix
   */
  public void setSuffix(String suffix) {
    this.suffix = suffix;
  }
}
