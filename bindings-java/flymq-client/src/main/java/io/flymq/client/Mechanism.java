package io.flymq.client;

/** How to log in. */
public enum Mechanism {
  /** The best that both sides offer. */
  AUTO("auto"),

  /** Proof of the password, bound to the TLS connection where that can be. */
  SCRAM_SHA_256("SCRAM-SHA-256"),

  /** The password itself. */
  PLAIN("PLAIN"),

  /** The TLS client certificate. */
  EXTERNAL("EXTERNAL");

  private final String option;

  Mechanism(String option) {
    this.option = option;
  }

  /** {@return the name that it has as the value of an option} */
  public String option() {
    return option;
  }
}
