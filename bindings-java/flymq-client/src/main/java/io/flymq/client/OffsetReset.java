package io.flymq.client;

/** Where to begin if a group has committed nothing, and what to do when a position lies outside the log. */
public enum OffsetReset {
  /** Go on at the oldest record there is. */
  EARLIEST("earliest"),

  /** Go on behind the newest record. */
  LATEST("latest"),

  /** Report OFFSET_OUT_OF_RANGE and wait for a seek. */
  ERROR("error");

  private final String option;

  OffsetReset(String option) {
    this.option = option;
  }

  /** {@return the name that it has as the value of an option} */
  public String option() {
    return option;
  }
}
