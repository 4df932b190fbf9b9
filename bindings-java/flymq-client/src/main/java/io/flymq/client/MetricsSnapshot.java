package io.flymq.client;

import io.flymq.client.internal.In;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a client, and all that it made, counted up to now.
 *
 * @param connections connections open now
 * @param requests requests answered, with a result or an error
 * @param retries requests or batches that were sent again
 * @param bufferedBytes bytes that producers hold and brokers have not acknowledged
 * @param bufferedRecords records that producers hold and brokers have not acknowledged
 * @param prefetchedBytes bytes that consumers have read ahead of the application
 * @param sentRecords records acknowledged by brokers
 * @param consumedRecords records handed to the application
 * @param rebalances how often a consumer's share of its group's partitions has changed
 * @param commits commits that brokers acknowledged
 * @param skippedRecords records that consumers passed over because they could not be read
 * @param deadLetters records that consumers sent to another topic because they could not be
 *     read
 * @param latency time from request to answer, without fetches, which wait for records to come
 * @param errors errors by code
 * @param operations by the operation's name on the wire, such as {@code PRODUCE}
 */
public record MetricsSnapshot(
    long connections,
    long requests,
    long retries,
    long bufferedBytes,
    long bufferedRecords,
    long prefetchedBytes,
    long sentRecords,
    long consumedRecords,
    long rebalances,
    long commits,
    long skippedRecords,
    long deadLetters,
    Latency latency,
    Map<Integer, Long> errors,
    Map<String, Operation> operations) {

  /**
   * Time from request to answer, to the microsecond.
   *
   * @param p50 half of all requests took no longer
   * @param p90 90 % took no longer
   * @param p99 99 % took no longer
   * @param p999 99.9 % took no longer
   */
  public record Latency(Duration p50, Duration p90, Duration p99, Duration p999) {
    static Latency read(In in) {
      return new Latency(micros(in), micros(in), micros(in), micros(in));
    }

    private static Duration micros(In in) {
      return Duration.of(in.int64(), ChronoUnit.MICROS);
    }
  }

  /**
   * What was counted of one operation.
   *
   * @param requests requests answered, with a result or an error
   * @param errors those of them that failed
   * @param latency time from request to answer
   */
  public record Operation(long requests, long errors, Latency latency) {}

  static MetricsSnapshot read(In in) {
    return new MetricsSnapshot(
        in.int64(),
        in.int64(),
        in.int64(),
        in.int64(),
        in.int64(),
        in.int64(),
        in.int64(),
        in.int64(),
        in.int64(),
        in.int64(),
        in.int64(),
        in.int64(),
        Latency.read(in),
        errors(in),
        operations(in));
  }

  private static Map<Integer, Long> errors(In in) {
    Map<Integer, Long> errors = new TreeMap<>();
    in.list(error -> errors.put(error.int32(), error.int64()));
    return errors;
  }

  private static Map<String, Operation> operations(In in) {
    Map<String, Operation> operations = new TreeMap<>();
    in.list(
        operation ->
            operations.put(
                operation.text(),
                new Operation(operation.int64(), operation.int64(), Latency.read(operation))));
    return operations;
  }
}
