package io.flymq.client;

import io.flymq.client.internal.Call;
import io.flymq.client.internal.Handle;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.ExitHooks;
import io.flymq.client.internal.Out;
import io.flymq.client.internal.Sender;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Sends records in batches, in order within a partition, each stored exactly once. Made by {@link
 * FlyMQClient#producer()}.
 *
 * <pre>{@code
 * try (Producer<String, String> producer =
 *     client.producer(Serdes.string(), Serdes.string()).build()) {
 *   for (int i = 0; i < 1000; i++) {
 *     producer.send("clicks", "user-" + i % 10, "click " + i);
 *   }
 * } // closing sends what is left
 * }</pre>
 *
 * @param <K> the keys' type
 * @param <V> the values' type
 */
public final class Producer<K, V> implements AutoCloseable {
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(30);

  /** The producer needs it for as long as it lives. */
  private final FlyMQClient client;

  private final Handle handle;
  private final Sender sender;
  private final SendingOptions<K, V> options;

  Producer(FlyMQClient client, long number, SendingOptions<K, V> options) {
    this.client = client;
    this.handle = new Handle(this, "producer", number);
    this.sender = options.sender(this, handle, client.executor());
    this.options = options;
    ExitHooks.flush(handle);
  }

  /**
   * Takes a record in, and returns as soon as there is room for it. Its future tells where it was stored,
   * or why it was not: {@code UnknownTopicException}, {@code RecordTooLargeException}, {@code
   * BufferFullException} if there was no room within the enqueue time-out, {@code SerializationException}.
   * It is sent whether or not the future is kept.
   *
   * @param record the record
   * @return where it was stored, once it is
   * @throws io.flymq.client.errors.ClosedException if the producer is closed
   * @throws io.flymq.client.errors.WaitInterruptedException if the thread was interrupted while it waited
   *     for room; then the record is not sent
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
   * Sends what has been taken in without further delay, and waits until each record is stored or given
   * up. Which of the two, the futures tell, which the executor completes a moment later.
   */
  public void flush() {
    Call.wait(Native::producerFlush, handle.get(), new Out().optional((Duration) null));
  }

  /**
   * As {@link #flush()}, within a time.
   *
   * @param timeout how long to wait
   * @throws io.flymq.client.errors.RequestTimeoutException if that was not long enough
   */
  public void flush(Duration timeout) {
    Call.wait(Native::producerFlush, handle.get(), new Out().optional(timeout));
  }

  /** {@return the client that it sends through} */
  public FlyMQClient client() {
    return client;
  }

  /**
   * Takes no more records in and sends what is left, within 30 s. Harmless when closed.
   *
   * @throws io.flymq.client.errors.RequestTimeoutException if that was not long enough; the rest is given
   *     up
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
        number -> Call.wait(Native::producerClose, number, new Out().duration(timeout)));
  }
}
