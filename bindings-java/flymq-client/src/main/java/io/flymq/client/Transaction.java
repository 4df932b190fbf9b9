package io.flymq.client;

import io.flymq.client.errors.FlyMQException;
import io.flymq.client.internal.Call;
import io.flymq.client.internal.Handle;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Out;
import io.flymq.client.internal.Sender;
import java.util.Collection;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records, and offsets of a group, that are stored together or not at all. Made by {@link
 * FlyMQClient#beginTransaction()} and {@link TransactionalProducer#begin()}.
 *
 * <pre>{@code
 * try (Transaction<String, String> transaction = producer.begin()) {
 *   transaction.send("debits", "alice", "10");
 *   transaction.send("credits", "bob", "10");
 *   transaction.commit();
 * } // closed without a commit it is aborted
 * }</pre>
 *
 * <p>{@link io.flymq.client.errors.TxnAbortedException} from any call means that nothing will come of the
 * transaction: if {@link FlyMQException#isAbortable()} says so, run it again from its beginning, which for
 * a consumer is {@link Consumer#rewind()}. After {@link io.flymq.client.errors.ProducerFencedException}
 * another producer has taken over: stop. Calls after the end throw {@link
 * io.flymq.client.errors.InvalidTxnStateException}.
 *
 * @param <K> the keys' type
 * @param <V> the values' type
 */
public final class Transaction<K, V> implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Transaction.class);

  private final FlyMQClient client;
  private final Handle handle;
  private final Sender sender;
  private final SendingOptions<K, V> options;
  private volatile boolean ended;

  Transaction(FlyMQClient client, long number, SendingOptions<K, V> options) {
    this.client = client;
    this.handle = new Handle(this, "transaction", number);
    this.sender = options.sender(this, handle, client.executor());
    this.options = options;
  }

  /**
   * Takes a record in, and returns as soon as there is room for it. The future need not be looked at: a
   * transaction of which a record failed does not commit.
   *
   * @param record the record
   * @return where it was stored, once it is, as {@link Producer#send(ProducerRecord)}
   */
  public CompletableFuture<RecordMetadata> send(ProducerRecord<K, V> record) {
    return options.send(sender, record);
  }

  /**
   * As {@link #send(ProducerRecord)}, a record without a key.
   *
   * @param topic the topic
   * @param value the value
   * @return where it was stored, once it is
   */
  public CompletableFuture<RecordMetadata> send(String topic, @Nullable V value) {
    return send(ProducerRecord.of(topic, value));
  }

  /**
   * As {@link #send(ProducerRecord)}, a record with a key.
   *
   * @param topic the topic
   * @param key the key
   * @param value the value; {@code null} marks the key as deleted
   * @return where it was stored, once it is
   */
  public CompletableFuture<RecordMetadata> send(
      String topic, @Nullable K key, @Nullable V value) {
    return send(ProducerRecord.of(topic, key, value));
  }

  /**
   * Makes all records that a consumer has returned part of the transaction, as processed: their offsets
   * become its group's when, and only if, this commits. Give the consumer no auto-commit.
   *
   * @param consumer the consumer
   * @throws io.flymq.client.errors.StaleGenerationException if partitions were taken from the consumer
   */
  public void sendOffsets(Consumer<?, ?> consumer) {
    Call.wait(
        Native::transactionProcessed, handle.get(), new Out().int64(consumer.handle()));
  }

  /**
   * Makes offsets of a group part of the transaction.
   *
   * @param member whom they are of, as {@link Consumer#groupMetadata()} says
   * @param offsets each the last one processed of its partition
   */
  public void sendOffsets(GroupMetadata member, Collection<GroupOffset> offsets) {
    Out out = new Out().text(member.group()).text(member.memberId()).int32(member.generation());
    out.list(offsets, Partitions::write);
    Call.wait(Native::transactionOffsets, handle.get(), out);
  }

  /**
   * Waits until every record is stored, and makes all of them visible together with the offsets.
   *
   * @throws io.flymq.client.errors.TxnAbortedException if nothing will be seen of it
   * @throws io.flymq.client.errors.RequestTimeoutException if it may be committed: call again to find out
   */
  public void commit() {
    Call.wait(Native::transactionCommit, handle.get(), new Out());
    ended = true;
  }

  /** Discards the transaction. Its records will not be seen by readers of committed records. */
  public void abort() {
    Call.wait(Native::transactionAbort, handle.get(), new Out());
    ended = true;
  }

  /** {@return the client that it sends through} */
  public FlyMQClient client() {
    return client;
  }

  /** Aborts the transaction, unless it is over. If no broker can be told now, the next one sees to it. */
  @Override
  public void close() {
    handle.close(
        number -> {
          if (!ended) {
            try {
              Call.wait(Native::transactionAbort, number, new Out());
            } catch (FlyMQException error) {
              // What has led here matters more than this.
              log.debug("A transaction could not be aborted yet", error);
            }
          }
        });
  }
}
