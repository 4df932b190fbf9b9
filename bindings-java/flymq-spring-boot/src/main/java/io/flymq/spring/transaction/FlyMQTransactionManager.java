package io.flymq.spring.transaction;

import io.flymq.client.errors.FlyMQException;
import io.flymq.client.errors.RequestTimeoutException;
import io.flymq.client.errors.TxnAbortedException;
import io.flymq.spring.FlyMQProducerFactory;
import io.flymq.spring.FlyMQProducerFactory.OpenTransaction;
import io.flymq.spring.transaction.FlyMQTransactions.Holder;
import org.jspecify.annotations.Nullable;
import org.springframework.transaction.CannotCreateTransactionException;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.TransactionSystemException;
import org.springframework.transaction.UnexpectedRollbackException;
import org.springframework.transaction.support.AbstractPlatformTransactionManager;
import org.springframework.transaction.support.DefaultTransactionStatus;
import org.springframework.transaction.support.ResourceTransactionManager;
import org.springframework.transaction.support.SmartTransactionObject;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * Spring transactions of what the {@link io.flymq.spring.FlyMQTemplate} sends: all of it is seen, or nothing.
 * How long one may be open is the producers' {@code transaction_timeout_ms}, whatever {@code
 * Transactional.timeout} says.
 */
@SuppressWarnings("serial")
public class FlyMQTransactionManager extends AbstractPlatformTransactionManager
    implements ResourceTransactionManager {
  private static final long serialVersionUID = 1L;
  private static final int COMMIT_ATTEMPTS = 3;

  private final transient FlyMQProducerFactory factory;

  /**
   * A manager.
   *
   * @param factory whose transactional producers it uses
   */
  public FlyMQTransactionManager(FlyMQProducerFactory factory) {
    this.factory = factory;
    setTransactionSynchronization(SYNCHRONIZATION_ON_ACTUAL_TRANSACTION);
  }

  private static final class Attempt implements SmartTransactionObject {
    private @Nullable Holder holder;

    Attempt(@Nullable Holder holder) {
      this.holder = holder;
    }

    Holder holder() {
      if (holder == null) {
        throw new IllegalStateException("no transaction was begun");
      }
      return holder;
    }

    @Override
    public boolean isRollbackOnly() {
      return holder != null && holder.isRollbackOnly();
    }

    @Override
    public void flush() {}
  }

  @Override
  public Object getResourceFactory() {
    return factory;
  }

  @Override
  protected Object doGetTransaction() {
    return new Attempt(FlyMQTransactions.bound(factory));
  }

  @Override
  protected boolean isExistingTransaction(Object transaction) {
    return ((Attempt) transaction).holder != null;
  }

  @Override
  protected void doBegin(Object transaction, TransactionDefinition definition) {
    try {
      Holder holder = new Holder(factory.begin());
      holder.setSynchronizedWithTransaction(true);
      TransactionSynchronizationManager.bindResource(factory, holder);
      ((Attempt) transaction).holder = holder;
    } catch (FlyMQException error) {
      throw new CannotCreateTransactionException("no transaction could be begun", error);
    }
  }

  @Override
  protected Object doSuspend(Object transaction) {
    ((Attempt) transaction).holder = null;
    return TransactionSynchronizationManager.unbindResource(factory);
  }

  @Override
  protected void doResume(@Nullable Object transaction, Object suspended) {
    TransactionSynchronizationManager.bindResource(factory, suspended);
  }

  @Override
  protected void doCommit(DefaultTransactionStatus status) {
    OpenTransaction open = ((Attempt) status.getTransaction()).holder().open();
    try {
      for (int attempt = 1; ; attempt++) {
        try {
          open.commit();
          return;
        } catch (RequestTimeoutException unknown) {
          // It may be committed; asking again finds out.
          if (attempt == COMMIT_ATTEMPTS) {
            throw unknown;
          }
        }
      }
    } catch (TxnAbortedException error) {
      throw new UnexpectedRollbackException("nothing came of the transaction", error);
    } catch (FlyMQException error) {
      throw new TransactionSystemException("the transaction could not be committed", error);
    }
  }

  @Override
  protected void doRollback(DefaultTransactionStatus status) {
    try {
      ((Attempt) status.getTransaction()).holder().open().abort();
    } catch (FlyMQException error) {
      throw new TransactionSystemException("the transaction could not be aborted", error);
    }
  }

  @Override
  protected void doSetRollbackOnly(DefaultTransactionStatus status) {
    ((Attempt) status.getTransaction()).holder().setRollbackOnly();
  }

  @Override
  protected void doCleanupAfterCompletion(Object transaction) {
    TransactionSynchronizationManager.unbindResourceIfPossible(factory);
    Holder holder = ((Attempt) transaction).holder();
    holder.open().close();
    holder.clear();
  }
}
