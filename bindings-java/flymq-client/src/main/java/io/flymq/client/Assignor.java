package io.flymq.client;

/** How partitions are shared among the members of a group. */
public enum Assignor {
  /** Spreads all partitions evenly and moves as few as it can. */
  STICKY("sticky"),

  /** Gives each member a run of neighbouring partitions of every topic. */
  RANGE("range");

  private final String option;

  Assignor(String option) {
    this.option = option;
  }

  /** {@return the name that it has as the value of an option} */
  public String option() {
    return option;
  }
}
