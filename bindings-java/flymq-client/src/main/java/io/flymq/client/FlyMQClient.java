package io.flymq.client;

import io.flymq.client.errors.ErrorCode;
import io.flymq.client.internal.Call;
import io.flymq.client.internal.Handle;
import io.flymq.client.internal.In;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Out;
import io.flymq.client.internal.Sender;
import io.flymq.client.serde.Deserializer;
import io.flymq.client.serde.Serdes;
import io.flymq.client.serde.Serializer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * A client of a FlyMQ broker, or of several that serve the same data. One is enough for a program: it may
 * be used from any number of threads.
 *
 * <pre>{@code
 * try (FlyMQClient client = FlyMQClient.connect("localhost:9092")) {
 *   client.createTopic("greetings", 3);
 *   RecordMetadata stored = client.produce("greetings", "en", "hello, world");
 *   client.consume("greetings", stored.partition(), stored.offset())
 *       .ifPresent(record -> System.out.println(new String(record.value())));
 * }
 * }</pre>
 */
public final class FlyMQClient implements AutoCloseable {
  private static final ConsumerRecords.Decoder<byte[], byte[]> PLAIN =
      new ConsumerRecords.Decoder<>(Serdes.bytes(), Serdes.bytes(), List.of());

  private final Handle handle;
  private final Executor executor;
  private final Admin admin;

  FlyMQClient(long number, Executor executor) {
    this.handle = new Handle(this, "client", number);
    this.executor = executor;
    this.admin = new Admin(this);
  }

  /**
   * Connects to the brokers of the environment variable {@code FLYMQ_BOOTSTRAP_SERVERS}, by default
   * {@code localhost:9092}.
   *
   * @return the client
   * @throws io.flymq.client.errors.FlyMQException as {@link FlyMQClientBuilder#connect()}
   */
  public static FlyMQClient connect() {
    return builder().connect();
  }

  /**
   * Connects with default options.
   *
   * @param addresses {@code host:port}, several of them with commas between, or a {@code flymq://} or
   *     {@code flymqs://} URL
   * @return the client
   * @throws io.flymq.client.errors.FlyMQException as {@link FlyMQClientBuilder#connect()}
   */
  public static FlyMQClient connect(String addresses) {
    return builder().addresses(addresses).connect();
  }

  /** {@return options of a client} */
  public static FlyMQClientBuilder builder() {
    return new FlyMQClientBuilder();
  }

  long handle() {
    return handle.get();
  }

  Executor executor() {
    return executor;
  }

  /**
   * Creates a topic, unless it is there already.
   *
   * @param name the topic
   * @param partitions how many partitions it has
   * @return whether it was created
   */
  public boolean createTopic(String name, int partitions) {
    return admin.createTopic(NewTopic.of(name, partitions).ifNotExists());
  }

  /** {@return topics, offsets, groups, users and rules} */
  public Admin admin() {
    return admin;
  }

  /**
   * Sends a record without a key and waits until it is stored.
   *
   * @param topic the topic
   * @param value the value; {@code null} for none
   * @return where it was stored
   */
  public RecordMetadata produce(String topic, byte @Nullable [] value) {
    return produce(ProducerRecord.of(topic, value));
  }

  /**
   * Sends a record of text without a key and waits until it is stored.
   *
   * @param topic the topic
   * @param value the value
   * @return where it was stored
   */
  public RecordMetadata produce(String topic, String value) {
    return produce(topic, value.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Sends a record and waits until it is stored. Records of one key go to one partition, in order.
   *
   * @param topic the topic
   * @param key the key
   * @param value the value; {@code null} marks the key as deleted
   * @return where it was stored
   */
  public RecordMetadata produce(String topic, byte @Nullable [] key, byte @Nullable [] value) {
    return produce(ProducerRecord.of(topic, key, value));
  }

  /**
   * Sends a record of text and waits until it is stored. Records of one key go to one partition, in
   * order.
   *
   * @param topic the topic
   * @param key the key
   * @param value the value
   * @return where it was stored
   */
  public RecordMetadata produce(String topic, String key, String value) {
    return produce(
        topic, key.getBytes(StandardCharsets.UTF_8), value.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Sends a record and waits until it is stored, durably as the broker is configured. Calls of several
   * threads share batches. For high rates without waiting, see {@link #producer()}.
   *
   * @param record the record
   * @return where it was stored
   * @throws io.flymq.client.errors.UnknownTopicException if there is no such topic
   * @throws io.flymq.client.errors.UnknownPartitionException if the topic has no such partition
   * @throws io.flymq.client.errors.RecordTooLargeException if the topic does not take it
   * @throws io.flymq.client.errors.RequestTimeoutException if it could not be stored in time
   */
  public RecordMetadata produce(ProducerRecord<byte[], byte[]> record) {
    Out out = Sender.encode(new Out(256), record);
    return stored(record.topic(), Call.wait(Native::clientProduce, handle.get(), out));
  }

  /**
   * As {@link #produce(ProducerRecord)}, without waiting.
   *
   * @param record the record
   * @return where it was stored, once it is
   */
  public CompletableFuture<RecordMetadata> produceAsync(ProducerRecord<byte[], byte[]> record) {
    Out out = Sender.encode(new Out(256), record);
    return Call.start(
        Native::clientProduce, handle.get(), out, in -> stored(record.topic(), in), executor);
  }

  /**
   * Sends records of one topic and waits until all are stored. The first failure is thrown; some of the
   * others may be stored then.
   *
   * @param records the records
   * @return where they were stored, in their order
   * @throws io.flymq.client.errors.FlyMQException as {@link #produce(ProducerRecord)}
   */
  public List<RecordMetadata> produceBatch(Collection<ProducerRecord<byte[], byte[]>> records) {
    if (records.isEmpty()) {
      return List.of();
    }
    String topic = records.iterator().next().topic();
    if (!records.stream().allMatch(record -> record.topic().equals(topic))) {
      throw ErrorCode.INVALID_ARGUMENT.exception("the records of a batch are of one topic");
    }
    Out out = new Out(1 << 16).text(topic).list(records, Sender::encode);
    return Call.wait(Native::clientProduceBatch, handle.get(), out).list(in -> stored(topic, in));
  }

  private static RecordMetadata stored(String topic, In in) {
    return new RecordMetadata(topic, in.int32(), in.int64(), in.int64());
  }

  /**
   * Reads the first record at or after an offset.
   *
   * @param topic the topic
   * @param partition the partition, from 0
   * @param offset the offset
   * @return the record; empty at the end of the log
   * @throws io.flymq.client.errors.OffsetOutOfRangeException for an offset outside the log
   * @throws io.flymq.client.errors.UnknownTopicException if there is no such topic
   * @throws io.flymq.client.errors.UnknownPartitionException if the topic has no such partition
   * @throws io.flymq.client.errors.DecryptionFailedException for an encrypted record that was altered
   * @throws io.flymq.client.errors.UnknownEncryptionKeyException for one whose key is not there
   */
  public Optional<ConsumerRecord<byte[], byte[]>> consume(
      String topic, int partition, long offset) {
    Out out = new Out().text(topic).int32(partition).int64(offset);
    In in = Call.wait(Native::clientConsume, handle.get(), out);
    return new ConsumerRecords<>(in, PLAIN, error -> true).stream().findFirst();
  }

  /**
   * Reads records of a partition.
   *
   * @param topic the topic
   * @param partition the partition, from 0
   * @param offset the offset to begin at
   * @return the records; none at the end of the log
   */
  public ConsumerRecords<byte[], byte[]> fetch(String topic, int partition, long offset) {
    return fetch(topic, partition, offset, FetchOptions.defaults());
  }

  /**
   * Reads records of a partition. Read on behind the last record's offset; offsets may have gaps.
   *
   * @param topic the topic
   * @param partition the partition, from 0
   * @param offset the offset to begin at
   * @param options how much to read, and how long to wait for it
   * @return the records; none at the end of the log
   * @throws io.flymq.client.errors.FlyMQException as {@link #consume}
   */
  public ConsumerRecords<byte[], byte[]> fetch(
      String topic, int partition, long offset, FetchOptions options) {
    Out out = new Out().text(topic).int32(partition).int64(offset);
    out.duration(options.maxWait()).int32(options.minBytes()).int32(options.maxBytes());
    out.int32(options.maxRecords()).flag(options.isolation() == Isolation.READ_UNCOMMITTED);
    return new ConsumerRecords<>(Call.wait(Native::clientFetch, handle.get(), out), PLAIN, error -> true);
  }

  /** {@return options of a producer of bytes} */
  public ProducerBuilder<byte[], byte[]> producer() {
    return producer(Serdes.bytes(), Serdes.bytes());
  }

  /**
   * Options of a producer.
   *
   * @param keys turns keys into bytes
   * @param values turns values into bytes
   * @param <K> the keys' type
   * @param <V> the values' type
   * @return options of a producer
   */
  public <K, V> ProducerBuilder<K, V> producer(Serializer<K> keys, Serializer<V> values) {
    return new ProducerBuilder<>(this, keys, values);
  }

  /**
   * Options of a transactional producer of bytes.
   *
   * @param transactionalId the producer's name, the same after each restart of the program, which no
   *     other producer in use may have
   * @return options of a transactional producer
   */
  public TransactionalProducerBuilder<byte[], byte[]> transactionalProducer(
      String transactionalId) {
    return transactionalProducer(transactionalId, Serdes.bytes(), Serdes.bytes());
  }

  /**
   * Options of a transactional producer.
   *
   * @param transactionalId the producer's name, the same after each restart of the program, which no
   *     other producer in use may have
   * @param keys turns keys into bytes
   * @param values turns values into bytes
   * @param <K> the keys' type
   * @param <V> the values' type
   * @return options of a transactional producer
   */
  public <K, V> TransactionalProducerBuilder<K, V> transactionalProducer(
      String transactionalId, Serializer<K> keys, Serializer<V> values) {
    return new TransactionalProducerBuilder<>(this, transactionalId, keys, values);
  }

  /**
   * Begins a transaction of bytes, of a producer that the client keeps for that, one at a time. For
   * several at once make {@link #transactionalProducer transactional producers}.
   *
   * @return the transaction
   * @throws io.flymq.client.errors.InvalidTxnStateException while another one is open
   */
  public Transaction<byte[], byte[]> beginTransaction() {
    long number = Call.open(Native::clientTransaction, handle.get(), new Out());
    return new Transaction<>(this, number, SendingOptions.of(Serdes.bytes(), Serdes.bytes()));
  }

  /** {@return options of a consumer of bytes} */
  public ConsumerBuilder<byte[], byte[]> consumer() {
    return consumer(Serdes.bytes(), Serdes.bytes());
  }

  /**
   * Options of a consumer.
   *
   * @param keys makes keys of bytes
   * @param values makes values of bytes
   * @param <K> the keys' type
   * @param <V> the values' type
   * @return options of a consumer
   */
  public <K, V> ConsumerBuilder<K, V> consumer(Deserializer<K> keys, Deserializer<V> values) {
    return new ConsumerBuilder<>(this, keys, values);
  }

  /** {@return the addresses that the client was given, each as {@code host:port}} */
  public List<String> addresses() {
    return Call.wait(Native::clientAddresses, handle.get(), new Out()).list(In::text);
  }

  /**
   * Asks the broker whether it is there.
   *
   * @return how long the answer took
   */
  public Duration ping() {
    return Duration.ofNanos(Call.wait(Native::clientPing, handle.get(), new Out()).int64());
  }

  /** {@return what the broker in use says of itself} */
  public BrokerInfo broker() {
    In in = Call.wait(Native::clientBroker, handle.get(), new Out());
    return new BrokerInfo(in.text(), in.text(), in.text(), in.list(In::text));
  }

  /** {@return whom the broker takes this client for} */
  public WhoAmI whoami() {
    In in = Call.wait(Native::clientWhoami, handle.get(), new Out());
    String principal = in.text();
    String mechanism = in.text();
    List<String> roles = in.list(In::text);
    long millis = in.int64();
    return new WhoAmI(principal, mechanism, roles, millis == 0 ? null : Duration.ofMillis(millis));
  }

  /** {@return what was counted up to now, by this client and all that it made} */
  public MetricsSnapshot metrics() {
    return MetricsSnapshot.read(Call.wait(Native::clientMetrics, handle.get(), new Out()));
  }

  /** {@return whether {@link #close()} was called} */
  public boolean isClosed() {
    return handle.isClosed();
  }

  /**
   * Finishes what {@link #produce} has under way, aborts the open transaction, and closes all
   * connections. What was made from this client fails from then on: close it before. A client of a pool
   * goes back to it. Harmless when closed.
   */
  @Override
  public void close() {
    handle.close(number -> Call.wait(Native::clientClose, number, new Out()));
  }
}
