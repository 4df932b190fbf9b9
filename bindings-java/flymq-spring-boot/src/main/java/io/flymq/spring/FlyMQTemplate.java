package io.flymq.spring;

import io.flymq.client.ConsumerRecord;
import io.flymq.client.FetchOptions;
import io.flymq.client.Headers;
import io.flymq.client.ProducerRecord;
import io.flymq.client.RecordMetadata;
import io.flymq.client.Transaction;
import io.flymq.spring.converter.RecordConverter;
import io.flymq.spring.observation.FlyMQReceiveContext;
import io.flymq.spring.observation.FlyMQReceiveConvention;
import io.flymq.spring.observation.FlyMQSendContext;
import io.flymq.spring.observation.FlyMQSendConvention;
import io.flymq.spring.transaction.FlyMQTransactions;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.springframework.messaging.Message;
import org.springframework.messaging.MessageHeaders;

/**
 * Sends objects, text and bytes, and reads single records. For any number of threads.
 *
 * <pre>{@code
 * template.send("orders", order.id(), order)
 *     .thenAccept(sent -> log.info("stored at {}", sent.metadata()));
 * }</pre>
 *
 * <p>Sending returns as soon as there is room for the record, and joins the transaction that the thread is in.
 * Records of one key are stored in order, each once.
 */
public class FlyMQTemplate {
  private final FlyMQProducerFactory producers;
  private final RecordConverter converter;
  private @Nullable String defaultTopic;
  private Duration receiveTimeout = Duration.ofSeconds(5);
  private ObservationRegistry observations = ObservationRegistry.NOOP;
  private List<String> addresses = List.of();
  private @Nullable FlyMQSendConvention sending;
  private @Nullable FlyMQReceiveConvention receiving;

  /**
   * A template.
   *
   * @param producers what it sends through
   * @param converter turns keys and values into bytes
   */
  public FlyMQTemplate(FlyMQProducerFactory producers, RecordConverter converter) {
    this.producers = producers;
    this.converter = converter;
  }

  /**
   * Where {@link #sendDefault} sends to.
   *
   * @param topic the topic
   */
  public void setDefaultTopic(@Nullable String topic) {
    this.defaultTopic = topic;
  }

  /**
   * How long {@link #receive} waits for a record. Default 5 s.
   *
   * @param timeout the time
   */
  public void setReceiveTimeout(Duration timeout) {
    this.receiveTimeout = timeout;
  }

  /**
   * Who is told of records that are sent or received. Default nobody.
   *
   * @param registry who is told
   * @param sending the names for those sent; {@code null} for the default ones
   * @param receiving the names for those received; {@code null} for the default ones
   */
  public void setObservations(
      ObservationRegistry registry,
      @Nullable FlyMQSendConvention sending,
      @Nullable FlyMQReceiveConvention receiving) {
    this.observations = registry;
    this.addresses = registry.isNoop() ? List.of() : producers.client().addresses();
    this.sending = sending;
    this.receiving = receiving;
  }

  /** {@return what it sends through} */
  public FlyMQProducerFactory producers() {
    return producers;
  }

  /**
   * Sends a record without a key.
   *
   * @param topic the topic
   * @param payload text, bytes, or an object to convert
   * @return where it was stored, once it is; what it failed with otherwise
   */
  public CompletableFuture<SendResult> send(String topic, @Nullable Object payload) {
    return send(ProducerRecord.of(topic, payload));
  }

  /**
   * Sends a record with a key.
   *
   * @param topic the topic
   * @param key text, bytes, a number or a UUID, or an object to convert
   * @param payload text, bytes, or an object to convert; {@code null} marks the key as deleted
   * @return where it was stored, once it is; what it failed with otherwise
   */
  public CompletableFuture<SendResult> send(
      String topic, @Nullable Object key, @Nullable Object payload) {
    return send(ProducerRecord.of(topic, key, payload));
  }

  /**
   * Sends a record without a key to the default topic.
   *
   * @param payload text, bytes, or an object to convert
   * @return where it was stored, once it is; what it failed with otherwise
   */
  public CompletableFuture<SendResult> sendDefault(@Nullable Object payload) {
    return send(requireDefaultTopic(), payload);
  }

  /**
   * Sends a record with a key to the default topic.
   *
   * @param key text, bytes, a number or a UUID, or an object to convert
   * @param payload text, bytes, or an object to convert; {@code null} marks the key as deleted
   * @return where it was stored, once it is; what it failed with otherwise
   */
  public CompletableFuture<SendResult> sendDefault(
      @Nullable Object key, @Nullable Object payload) {
    return send(requireDefaultTopic(), key, payload);
  }

  private String requireDefaultTopic() {
    if (defaultTopic == null) {
      throw new IllegalStateException("there is no default topic: set flymq.template.default-topic");
    }
    return defaultTopic;
  }

  /**
   * Sends a message. Its headers of {@link FlyMQHeaders} say where to, the others become the record's, as text
   * unless they are bytes.
   *
   * @param message the message
   * @return where it was stored, once it is; what it failed with otherwise
   */
  public CompletableFuture<SendResult> send(Message<?> message) {
    MessageHeaders given = message.getHeaders();
    Headers headers = Headers.empty();
    for (Map.Entry<String, Object> header : given.entrySet()) {
      String name = header.getKey();
      if (name.startsWith("flymq_")
          || name.equals(MessageHeaders.ID)
          || name.equals(MessageHeaders.TIMESTAMP)) {
        continue;
      }
      headers =
          header.getValue() instanceof byte[] bytes
              ? headers.with(name, bytes)
              : headers.with(name, String.valueOf(header.getValue()));
    }
    String topic = given.get(FlyMQHeaders.TOPIC, String.class);
    return send(
        new ProducerRecord<>(
            topic == null ? requireDefaultTopic() : topic,
            given.get(FlyMQHeaders.PARTITION, Integer.class),
            given.get(FlyMQHeaders.TIMESTAMP, Long.class),
            given.get(FlyMQHeaders.KEY),
            message.getPayload(),
            headers));
  }

  /**
   * Sends a record.
   *
   * @param record the record; its key and value as {@link #send(String, Object, Object)} takes them
   * @return where it was stored, once it is; what it failed with otherwise
   */
  public CompletableFuture<SendResult> send(ProducerRecord<?, ?> record) {
    ProducerRecord<byte[], byte[]> bytes;
    try {
      bytes = converter.toBytes(record);
    } catch (RuntimeException error) {
      return CompletableFuture.failedFuture(error);
    }
    CompletableFuture<RecordMetadata> stored =
        observations.isNoop() ? hand(bytes) : observe(bytes);
    return stored.thenApply(metadata -> new SendResult(record, metadata));
  }

  private CompletableFuture<RecordMetadata> hand(ProducerRecord<byte[], byte[]> record) {
    Transaction<byte[], byte[]> transaction = FlyMQTransactions.current(producers);
    return transaction == null ? producers.producer().send(record) : transaction.send(record);
  }

  private CompletableFuture<RecordMetadata> observe(ProducerRecord<byte[], byte[]> record) {
    FlyMQSendContext context = new FlyMQSendContext(record, addresses);
    Observation observation =
        Observation.start(sending, FlyMQSendConvention.DEFAULT, () -> context, observations);
    try {
      return hand(context.record())
          .whenComplete(
              (stored, error) -> {
                context.setStored(stored);
                if (error != null) {
                  observation.error(error);
                }
                observation.stop();
              });
    } catch (RuntimeException error) {
      observation.error(error);
      observation.stop();
      throw error;
    }
  }

  /** Work in a transaction of {@link #executeInTransaction}. */
  @FunctionalInterface
  public interface TransactionalWork<T, X extends Exception> {
    /**
     * Sends records.
     *
     * @param template the template; others of the same producers do as well
     * @return a result
     * @throws X what aborts the transaction
     */
    T run(FlyMQTemplate template) throws X;
  }

  /**
   * Runs work whose records are seen together or not at all: what it throws aborts them. Work within a
   * transaction becomes part of that.
   *
   * @param work the work, on this thread
   * @param <T> the work's result
   * @param <X> what the work may throw
   * @return the work's result
   * @throws X what the work has thrown
   * @throws io.flymq.client.errors.TxnAbortedException if nothing came of it
   */
  public <T, X extends Exception> T executeInTransaction(TransactionalWork<T, X> work) throws X {
    return FlyMQTransactions.run(producers, () -> work.run(this));
  }

  /**
   * Reads the first record at or behind an offset, and waits for it up to the receive time-out.
   *
   * @param topic the topic
   * @param partition the partition, from 0
   * @param offset the offset
   * @param type what to make of the value
   * @param <T> the value's type
   * @return the record, its key as text; empty if there was none in time
   * @throws io.flymq.spring.converter.ConversionException if the value is of another type
   */
  public <T> Optional<ConsumerRecord<String, T>> receive(
      String topic, int partition, long offset, Class<T> type) {
    FlyMQReceiveContext context = new FlyMQReceiveContext(topic, partition, addresses);
    Optional<ConsumerRecord<byte[], byte[]>> received =
        Observation.createNotStarted(
                receiving, FlyMQReceiveConvention.DEFAULT, () -> context, observations)
            .observe(
                () -> {
                  Optional<ConsumerRecord<byte[], byte[]>> found = fetch(topic, partition, offset);
                  context.setReceived(found.orElse(null));
                  return found;
                });
    return received.map(
        record ->
            record.withKeyAndValue(
                (String) converter.fromBytes(record.key(), String.class),
                type.cast(converter.fromBytes(record.value(), type))));
  }

  private Optional<ConsumerRecord<byte[], byte[]>> fetch(
      String topic, int partition, long offset) {
    FetchOptions options =
        FetchOptions.defaults().withMaxWait(receiveTimeout).withMaxRecords(1);
    return producers.client().fetch(topic, partition, offset, options).stream().findFirst();
  }

  /** Waits until all that was sent outside of transactions is stored or given up. */
  public void flush() {
    producers.producer().flush();
  }
}
