package io.flymq.client;

/** How batches are compressed. */
public enum Compression {
  /** Not at all. */
  NONE("none"),

  /** LZ4, which is fast. */
  LZ4("lz4"),

  /** Zstandard, whose results are small. */
  ZSTD("zstd");

  private final String option;

  Compression(String option) {
    this.option = option;
  }

  /** {@return the name that it has as the value of an option} */
  public String option() {
    return option;
  }
}
