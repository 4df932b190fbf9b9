package io.flymq.client;

/** Which records of transactions are seen. */
public enum Isolation {
  /** Those of committed transactions, and those of none. */
  READ_COMMITTED("read_committed"),

  /** All, also of transactions that are open or were aborted. */
  READ_UNCOMMITTED("read_uncommitted");

  private final String option;

  Isolation(String option) {
    this.option = option;
  }

  /** {@return the name that it has as the value of an option} */
  public String option() {
    return option;
  }
}
