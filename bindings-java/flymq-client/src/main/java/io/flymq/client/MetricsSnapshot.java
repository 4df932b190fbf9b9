package io.flymq.client;

import io.flymq.client.internal.In;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

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
 * @param connectivity how connecting has gone, and how each address of a broker is
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
    Map<String, Operation> operations,
    Connectivity connectivity) {

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

  /**
   * How connecting has gone.
   *
   * @param opened connections that were made
   * @param failed attempts to connect that failed
   * @param lost connections that ended without either side having closed them in good order
   * @param reconnects connections that were made in place of one that had ended
   * @param failovers how often the client went over to another broker
   * @param metadataRefreshes how often the brokers were asked which ones there are
   * @param endpoints every address of a broker that is known
   */
  public record Connectivity(
      long opened,
      long failed,
      long lost,
      long reconnects,
      long failovers,
      long metadataRefreshes,
      List<Endpoint> endpoints) {
    static Connectivity read(In in) {
      return new Connectivity(
          in.int64(),
          in.int64(),
          in.int64(),
          in.int64(),
          in.int64(),
          in.int64(),
          in.list(Endpoint::read));
    }
  }

  /**
   * How an address of a broker is.
   *
   * @param name {@code host:port}, as the application or a broker has named it
   * @param address what the name stands for: an IP address and a port
   * @param learnt whether a broker has named it, and not the application
   * @param inUse whether it is the one that the client has connected to last
   * @param circuit whether it is used
   * @param failures failures in a row
   * @param lastError what went wrong last, if anything has
   * @param lastErrorAt when that was
   */
  public record Endpoint(
      String name,
      String address,
      boolean learnt,
      boolean inUse,
      Circuit circuit,
      long failures,
      @Nullable String lastError,
      @Nullable Instant lastErrorAt) {
    static Endpoint read(In in) {
      return new Endpoint(
          in.text(),
          in.text(),
          in.flag(),
          in.flag(),
          Circuit.valueOf(in.text().replace('-', '_').toUpperCase(Locale.ROOT)),
          in.int64(),
          in.optionalText(),
          instant(in.optionalInt64()));
    }

    private static @Nullable Instant instant(@Nullable Long millis) {
      return millis == null ? null : Instant.ofEpochMilli(millis);
    }
  }

  /** Whether an address is used: the state of its circuit breaker. */
  public enum Circuit {
    /** It is. */
    CLOSED,
    /** It has failed, and is left out for a while, unless no other one works. */
    OPEN,
    /** It has failed, and is being tried again in the background. */
    HALF_OPEN
  }

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
        operations(in),
        Connectivity.read(in));
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
