package io.flymq.client;

import java.time.Duration;

/**
 * How {@link FlyMQClient#fetch(String, int, long, FetchOptions)} reads.
 *
 * @param maxWait how long to wait for records if there are none; default 0
 * @param minBytes how many bytes of records to wait for; default 1
 * @param maxBytes how many bytes of records to read, roughly; default 1 MiB
 * @param maxRecords how many records to return; default 10,000
 * @param isolation which records of transactions are seen; default read committed
 */
public record FetchOptions(
    Duration maxWait, int minBytes, int maxBytes, int maxRecords, Isolation isolation) {
  private static final FetchOptions DEFAULTS =
      new FetchOptions(Duration.ZERO, 1, 1 << 20, 10_000, Isolation.READ_COMMITTED);

  /** {@return what is used unless told otherwise} */
  public static FetchOptions defaults() {
    return DEFAULTS;
  }

  /**
   * The same with another time to wait.
   *
   * @param maxWait how long to wait for records
   * @return the options
   */
  public FetchOptions withMaxWait(Duration maxWait) {
    return new FetchOptions(maxWait, minBytes, maxBytes, maxRecords, isolation);
  }

  /**
   * The same with another number of bytes to wait for.
   *
   * @param minBytes how many bytes of records to wait for
   * @return the options
   */
  public FetchOptions withMinBytes(int minBytes) {
    return new FetchOptions(maxWait, minBytes, maxBytes, maxRecords, isolation);
  }

  /**
   * The same with another number of bytes to read.
   *
   * @param maxBytes how many bytes of records to read, roughly
   * @return the options
   */
  public FetchOptions withMaxBytes(int maxBytes) {
    return new FetchOptions(maxWait, minBytes, maxBytes, maxRecords, isolation);
  }

  /**
   * The same with another number of records.
   *
   * @param maxRecords how many records to return
   * @return the options
   */
  public FetchOptions withMaxRecords(int maxRecords) {
    return new FetchOptions(maxWait, minBytes, maxBytes, maxRecords, isolation);
  }

  /**
   * The same with another isolation.
   *
   * @param isolation which records of transactions are seen
   * @return the options
   */
  public FetchOptions withIsolation(Isolation isolation) {
    return new FetchOptions(maxWait, minBytes, maxBytes, maxRecords, isolation);
  }
}
