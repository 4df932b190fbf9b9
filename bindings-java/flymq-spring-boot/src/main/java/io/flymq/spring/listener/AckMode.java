package io.flymq.spring.listener;

/** When a listener's group learns that records are processed. */
public enum AckMode {
  /** After each record, which is stored before the next one is handled. */
  RECORD,

  /**
   * In the background, one commit after the other, the last when all records of a poll were handled. The fastest,
   * and the default.
   */
  BATCH,

  /** When the listener says so with {@link Acknowledgment#acknowledge()}, some at a time. */
  MANUAL,

  /** As {@link #MANUAL}, each at once. */
  MANUAL_IMMEDIATE;

  boolean isManual() {
    return this == MANUAL || this == MANUAL_IMMEDIATE;
  }
}
