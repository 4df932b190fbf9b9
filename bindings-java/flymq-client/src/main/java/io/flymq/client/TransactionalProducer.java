package io.flymq.client;

import io.flymq.client.internal.Call;
import io.flymq.client.internal.Handle;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Out;
import java.time.Duration;

/**
 * Sends records in transactions, one transaction at a time. Made by {@link
 * FlyMQClient#transactionalProducer(String)}.
 *
 * <p>Its name, the transactional id, stays the same when the program restarts: a new producer of a name
 * puts the older one out of action ({@link io.flymq.client.errors.ProducerFencedException}), so that what
 * a crashed or hanging process has left open does no harm.
 *
 * @param <K> the keys' type
 * @param <V> the values' type
 */
public final class TransactionalProducer<K, V> implements AutoCloseable {
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(30);

  private final FlyMQClient client;
  private final Handle handle;
  private final String transactionalId;
  private final SendingOptions<K, V> options;

  TransactionalProducer(
      FlyMQClient client, long number, String transactionalId, SendingOptions<K, V> options) {
    this.client = client;
    this.handle = new Handle(this, "transactional producer", number);
    this.transactionalId = transactionalId;
    this.options = options;
  }

  /** What is done in a transaction. */
  @FunctionalInterface
  public interface Work<K, V, T, X extends Exception> {
    /**
     * Sends records.
     *
     * @param transaction the transaction
     * @return a result
     * @throws X what aborts the transaction
     */
    T run(Transaction<K, V> transaction) throws X;
  }

  /**
   * Begins a transaction. Waits for the end of the one before, if that is still under way.
   *
   * @return the transaction
   * @throws io.flymq.client.errors.InvalidTxnStateException while another one of this producer is open
   * @throws io.flymq.client.errors.ProducerFencedException for good, once a newer producer of this name
   *     was started
   */
  public Transaction<K, V> begin() {
    long number = Call.open(Native::transactionBegin, handle.get(), new Out());
    return new Transaction<>(client, number, options);
  }

  /**
   * Runs work in a transaction and commits it. What the work throws aborts it.
   *
   * @param work the work
   * @param <T> the work's result
   * @param <X> what the work may throw
   * @return the work's result
   * @throws X what the work has thrown
   */
  public <T, X extends Exception> T inTransaction(Work<K, V, T, X> work) throws X {
    try (Transaction<K, V> transaction = begin()) {
      T result = work.run(transaction);
      transaction.commit();
      return result;
    }
  }

  /** {@return the producer's name} */
  public String transactionalId() {
    return transactionalId;
  }

  /**
   * Takes no more records in and aborts the transaction that is open, within 30 s. Harmless when closed.
   *
   * @throws io.flymq.client.errors.RequestTimeoutException if no broker could be told; it will abort by
   *     itself when the transaction's time is up
   */
  @Override
  public void close() {
    close(CLOSE_TIMEOUT);
  }

  /**
   * As {@link #close()}, within a time.
   *
   * @param timeout how long to wait
   */
  public void close(Duration timeout) {
    handle.close(
        number -> Call.wait(Native::transactionalClose, number, new Out().duration(timeout)));
  }
}
