package io.flymq.spring.transaction;

import io.flymq.client.Transaction;
import io.flymq.spring.FlyMQProducerFactory;
import io.flymq.spring.FlyMQProducerFactory.OpenTransaction;
import org.jspecify.annotations.Nullable;
import org.springframework.transaction.support.ResourceHolderSupport;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/** Which transaction of FlyMQ the thread is in. */
public final class FlyMQTransactions {
  private FlyMQTransactions() {}

  /** What is bound to a thread. */
  static final class Holder extends ResourceHolderSupport {
    private final OpenTransaction open;

    Holder(OpenTransaction open) {
      this.open = open;
    }

    OpenTransaction open() {
      return open;
    }
  }

  /** Work in a transaction. */
  @FunctionalInterface
  public interface Work<T, X extends Exception> {
    /**
     * Sends records.
     *
     * @return a result
     * @throws X what aborts the transaction
     */
    T run() throws X;
  }

  /**
   * The transaction that the thread is in. In a transaction of Spring that another manager has begun, such as
   * a database's, one of FlyMQ is begun that ends right behind it in the same way.
   *
   * @param factory whose transactions count
   * @return the transaction; {@code null} if the thread is in none
   */
  public static @Nullable Transaction<byte[], byte[]> current(FlyMQProducerFactory factory) {
    Holder holder = bound(factory);
    if (holder == null
        && factory.isTransactional()
        && TransactionSynchronizationManager.isActualTransactionActive()
        && TransactionSynchronizationManager.isSynchronizationActive()) {
      holder = new Holder(factory.begin());
      TransactionSynchronizationManager.bindResource(factory, holder);
      TransactionSynchronizationManager.registerSynchronization(new Follower(factory, holder));
    }
    return holder == null ? null : holder.open().transaction();
  }

  static @Nullable Holder bound(FlyMQProducerFactory factory) {
    return (Holder) TransactionSynchronizationManager.getResource(factory);
  }

  /**
   * Runs work in a transaction, in the one that the thread is in if there is one, and else commits it. What the
   * work throws aborts it.
   *
   * @param factory whose transaction it is
   * @param work the work
   * @param <T> the work's result
   * @param <X> what the work may throw
   * @return the work's result
   * @throws X what the work has thrown
   */
  public static <T, X extends Exception> T run(FlyMQProducerFactory factory, Work<T, X> work)
      throws X {
    if (current(factory) != null) {
      return work.run();
    }
    try (OpenTransaction open = factory.begin()) {
      TransactionSynchronizationManager.bindResource(factory, new Holder(open));
      try {
        T result = work.run();
        open.commit();
        return result;
      } finally {
        TransactionSynchronizationManager.unbindResource(factory);
      }
    }
  }

  /** Ends a transaction as another one ends. */
  private record Follower(FlyMQProducerFactory factory, Holder holder)
      implements TransactionSynchronization {
    @Override
    public void suspend() {
      TransactionSynchronizationManager.unbindResourceIfPossible(factory);
    }

    @Override
    public void resume() {
      TransactionSynchronizationManager.bindResource(factory, holder);
    }

    /** What it throws reaches whoever has committed, although the other transaction is committed. */
    @Override
    public void afterCommit() {
      holder.open().commit();
    }

    @Override
    public void afterCompletion(int status) {
      TransactionSynchronizationManager.unbindResourceIfPossible(factory);
      holder.open().close();
    }
  }
}
