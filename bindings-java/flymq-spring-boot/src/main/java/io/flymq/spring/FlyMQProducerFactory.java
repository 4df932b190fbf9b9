package io.flymq.spring;

import io.flymq.client.FlyMQClient;
import io.flymq.client.Producer;
import io.flymq.client.ProducerBuilder;
import io.flymq.client.Transaction;
import io.flymq.client.TransactionalProducer;
import io.flymq.client.TransactionalProducerBuilder;
import io.flymq.client.errors.FlyMQException;
import io.flymq.client.errors.ProducerFencedException;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.DisposableBean;

/**
 * The producer that a program shares, and transactional producers, each of which serves one transaction at a
 * time. Their names are the prefix with a number behind it, as many as there were transactions at once.
 */
public class FlyMQProducerFactory implements DisposableBean {
  private final FlyMQClient client;
  private final UnaryOperator<ProducerBuilder<byte[], byte[]>> options;
  private final UnaryOperator<TransactionalProducerBuilder<byte[], byte[]>> transactionalOptions;
  private final @Nullable String transactionIdPrefix;
  private final ConcurrentLinkedDeque<Slot> idle = new ConcurrentLinkedDeque<>();

  /** Held for what follows. A lock and no monitor, since virtual threads may wait below it. */
  private final ReentrantLock lock = new ReentrantLock();

  private final TreeSet<Integer> freeNumbers = new TreeSet<>();
  private int nextNumber;
  private volatile @Nullable Producer<byte[], byte[]> shared;
  private boolean closed;

  /** A transactional producer with its number. */
  private record Slot(int number, TransactionalProducer<byte[], byte[]> producer) {}

  /**
   * A factory.
   *
   * @param client the client to send through
   * @param options sets options of the shared producer
   * @param transactionalOptions sets options of transactional producers
   * @param transactionIdPrefix what their names begin with; {@code null} if there are to be none. No other
   *     running program may have the same: they would put each other's producers out of action.
   */
  public FlyMQProducerFactory(
      FlyMQClient client,
      UnaryOperator<ProducerBuilder<byte[], byte[]>> options,
      UnaryOperator<TransactionalProducerBuilder<byte[], byte[]>> transactionalOptions,
      @Nullable String transactionIdPrefix) {
    this.client = client;
    this.options = options;
    this.transactionalOptions = transactionalOptions;
    this.transactionIdPrefix = transactionIdPrefix;
  }

  /**
   * A factory of producers with the options of these maps.
   *
   * @param client the client to send through
   * @param options options of the shared producer by name
   * @param transactionIdPrefix what names of transactional producers begin with
   * @return the factory
   */
  public static FlyMQProducerFactory of(
      FlyMQClient client, Map<String, String> options, @Nullable String transactionIdPrefix) {
    return new FlyMQProducerFactory(
        client, builder -> builder.options(options), builder -> builder, transactionIdPrefix);
  }

  /** {@return the client that producers send through} */
  public FlyMQClient client() {
    return client;
  }

  /** {@return whether there are transactional producers} */
  public boolean isTransactional() {
    return transactionIdPrefix != null;
  }

  /** {@return the producer that all share, which is started when it is first asked for} */
  public Producer<byte[], byte[]> producer() {
    Producer<byte[], byte[]> started = shared;
    return started != null ? started : start();
  }

  private Producer<byte[], byte[]> start() {
    lock.lock();
    try {
      requireOpen();
      Producer<byte[], byte[]> producer = shared;
      if (producer == null) {
        producer = options.apply(client.producer()).build();
        shared = producer;
      }
      return producer;
    } finally {
      lock.unlock();
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the producer factory is closed");
    }
  }

  /**
   * Begins a transaction on a producer that is free, or on a new one.
   *
   * @return the transaction
   * @throws IllegalStateException if there is no transaction id prefix
   */
  public OpenTransaction begin() {
    Slot slot = idle.pollFirst();
    if (slot == null) {
      slot = open();
    }
    try {
      return new OpenTransaction(slot, slot.producer.begin());
    } catch (FlyMQException error) {
      discard(slot, error instanceof ProducerFencedException);
      throw error;
    }
  }

  private Slot open() {
    if (transactionIdPrefix == null) {
      throw new IllegalStateException(
          "transactions need names of producers: set flymq.producer.transaction-id-prefix");
    }
    int number = takeNumber();
    try {
      String id = transactionIdPrefix + number;
      return new Slot(number, transactionalOptions.apply(client.transactionalProducer(id)).build());
    } catch (RuntimeException error) {
      giveNumberBack(number);
      throw error;
    }
  }

  private int takeNumber() {
    lock.lock();
    try {
      requireOpen();
      Integer free = freeNumbers.pollFirst();
      return free != null ? free : nextNumber++;
    } finally {
      lock.unlock();
    }
  }

  private void giveNumberBack(int number) {
    lock.lock();
    try {
      freeNumbers.add(number);
    } finally {
      lock.unlock();
    }
  }

  /**
   * The next producer of the number takes its place and ends what it has left open; but whoever has fenced
   * this one keeps the name.
   */
  private void discard(Slot slot, boolean fenced) {
    try {
      slot.producer.close();
    } catch (FlyMQException unreachable) {
      // The broker ends its transaction at the latest when its time is up.
    }
    if (!fenced) {
      giveNumberBack(slot.number);
    }
  }

  private void giveBack(Slot slot) {
    lock.lock();
    try {
      if (!closed) {
        idle.addFirst(slot);
        return;
      }
    } finally {
      lock.unlock();
    }
    discard(slot, false);
  }

  /** Sends what is left and closes all producers. */
  @Override
  public void destroy() {
    lock.lock();
    try {
      closed = true;
    } finally {
      lock.unlock();
    }
    Producer<byte[], byte[]> last = shared;
    Slot slot;
    while ((slot = idle.pollFirst()) != null) {
      discard(slot, false);
    }
    if (last != null) {
      last.close();
    }
  }

  /** A transaction that has a producer for itself until it is closed. */
  public final class OpenTransaction implements AutoCloseable {
    private final Slot slot;
    private final Transaction<byte[], byte[]> transaction;
    private @Nullable FlyMQException failure;
    private boolean closed;

    private OpenTransaction(Slot slot, Transaction<byte[], byte[]> transaction) {
      this.slot = slot;
      this.transaction = transaction;
    }

    /** {@return the transaction itself} */
    public Transaction<byte[], byte[]> transaction() {
      return transaction;
    }

    /** Makes all of it visible. */
    public void commit() {
      try {
        transaction.commit();
        failure = null;
      } catch (FlyMQException error) {
        failure = error;
        throw error;
      }
    }

    /** Discards it. */
    public void abort() {
      try {
        transaction.abort();
      } catch (FlyMQException error) {
        failure = error;
        throw error;
      }
    }

    /** Gives the producer back, after an abort if there was neither a commit nor one. */
    @Override
    public void close() {
      if (closed) {
        return;
      }
      closed = true;
      transaction.close();
      if (failure == null) {
        giveBack(slot);
      } else {
        discard(slot, failure instanceof ProducerFencedException);
      }
    }
  }
}
