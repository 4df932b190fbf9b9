package io.flymq.client;

import static io.flymq.client.Fixtures.LONG;
import static io.flymq.client.Fixtures.bytes;
import static io.flymq.client.Fixtures.text;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.flymq.client.errors.ClosedException;
import io.flymq.client.errors.ConnectFailedException;
import io.flymq.client.errors.FlyMQException;
import io.flymq.client.errors.InvalidArgumentException;
import io.flymq.client.errors.OffsetOutOfRangeException;
import io.flymq.client.errors.PanicException;
import io.flymq.client.errors.RequestTimeoutException;
import io.flymq.client.errors.TopicExistsException;
import io.flymq.client.errors.UnknownTopicException;
import io.flymq.client.errors.WaitInterruptedException;
import io.flymq.client.internal.Call;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Out;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ClientTest {
  private static EmbeddedBroker broker;
  private static FlyMQClient client;

  @BeforeAll
  static void start() {
    broker = EmbeddedBroker.builder().fsync(false).start();
    client = FlyMQClient.connect(broker.address());
  }

  @AfterAll
  static void stop() {
    client.close();
    broker.close();
  }

  @Test
  void recordsComeBackAsTheyWereSent() {
    client.createTopic("greetings", 3);
    Headers headers = Headers.of(new Header("a", "1"), new Header("a", (byte[]) null));
    ProducerRecord<byte[], byte[]> sent =
        ProducerRecord.of("greetings", bytes("en"), bytes("hello"))
            .withHeaders(headers)
            .withTimestamp(Instant.ofEpochMilli(1234))
            .withPartition(2);
    RecordMetadata stored = client.produce(sent);
    assertEquals(new RecordMetadata("greetings", 2, stored.offset(), 1234), stored);
    ConsumerRecord<byte[], byte[]> record =
        client.consume("greetings", 2, stored.offset()).orElseThrow();
    assertEquals("en", text(record.key()));
    assertEquals("hello", text(record.value()));
    assertEquals(headers, record.headers());
    assertEquals(1234, record.timestamp());
    assertTrue(client.consume("greetings", 2, stored.offset() + 1).isEmpty());

    RecordMetadata tombstone = client.produce("greetings", bytes("en"), null);
    record = client.consume("greetings", tombstone.partition(), tombstone.offset()).orElseThrow();
    assertNull(record.value());
    RecordMetadata empty = client.produce("greetings", new byte[0]);
    record = client.consume("greetings", empty.partition(), empty.offset()).orElseThrow();
    assertArrayEquals(new byte[0], record.value());
    assertNull(record.key());
    assertEquals(Headers.empty(), record.headers());
  }

  @Test
  void batchesAndFuturesAreAnsweredInOrder() {
    client.createTopic("batches", 1);
    List<ProducerRecord<byte[], byte[]>> records =
        List.of("a", "b", "c").stream()
            .map(v -> ProducerRecord.<byte[], byte[]>of("batches", bytes(v)))
            .toList();
    List<Long> offsets =
        client.produceBatch(records).stream().map(RecordMetadata::offset).toList();
    assertEquals(List.of(0L, 1L, 2L), offsets);
    assertEquals(List.of(), client.produceBatch(List.of()));
    assertEquals(
        3, client.produceAsync(ProducerRecord.of("batches", bytes("d"))).join().offset());
    CompletionException failure =
        assertThrows(
            CompletionException.class,
            () -> client.produceAsync(ProducerRecord.of("nowhere", bytes("d"))).join());
    assertTrue(failure.getCause() instanceof UnknownTopicException);

    FetchOptions two = FetchOptions.defaults().withMaxRecords(2).withMaxWait(LONG);
    ConsumerRecords<byte[], byte[]> fetched = client.fetch("batches", 0, 1, two);
    assertEquals(2, fetched.count());
    assertEquals(List.of("b", "c"), fetched.stream().map(r -> text(r.value())).toList());
    assertTrue(client.fetch("batches", 0, 4).isEmpty());
    assertThrows(OffsetOutOfRangeException.class, () -> client.fetch("batches", 0, 99));
    List<ProducerRecord<byte[], byte[]>> mixed =
        List.of(ProducerRecord.of("batches", null), ProducerRecord.of("greetings", null));
    assertThrows(InvalidArgumentException.class, () -> client.produceBatch(mixed));
  }

  @Test
  void largeRecordsCross() {
    client.createTopic("large", 1);
    byte[] value = new byte[900_000];
    Arrays.fill(value, (byte) 7);
    long offset = client.produce("large", value).offset();
    assertArrayEquals(value, client.consume("large", 0, offset).orElseThrow().value());
  }

  @Test
  void topicsAreManaged() {
    Admin admin = client.admin();
    NewTopic topic = NewTopic.of("managed", 2).withConfig("retention_ms", "60000");
    assertTrue(admin.createTopic(topic));
    assertFalse(admin.createTopic(topic.ifNotExists()));
    assertThrows(TopicExistsException.class, () -> admin.createTopic(topic));
    assertEquals(2, admin.listTopics().get("managed"));
    Instant before = Instant.now();
    client.produce("managed", "k", "v");
    TopicDescription description = admin.describeTopic("managed");
    assertEquals("60000", description.config().get("retention_ms"));
    assertEquals(1, description.partitions().stream().mapToLong(p -> p.latest()).sum());
    Map<String, String> changed = new java.util.HashMap<>();
    changed.put("retention_ms", null);
    assertNotEquals("60000", admin.alterTopic("managed", changed).get("retention_ms"));
    admin.addPartitions("managed", 5);
    assertEquals(5, admin.partitionCount("managed"));
    for (int p = 0; p < 5; p++) {
      TopicPartition partition = new TopicPartition("managed", p);
      assertEquals(0, admin.earliest(partition));
      assertEquals(0, admin.offsetAt(partition, before.minusSeconds(60)));
      assertEquals(admin.latest(partition), admin.offsetAt(partition, before.plusSeconds(60)));
    }
    admin.deleteTopic("managed");
    assertThrows(UnknownTopicException.class, () -> admin.describeTopic("managed"));
  }

  @Test
  void groupsAreDescribed() {
    client.createTopic("described", 2);
    client.produce("described", "k", "v");
    try (Consumer<byte[], byte[]> consumer = client.consumer().group("watched").build()) {
      consumer.subscribe("described");
      Fixtures.until("a record comes", () -> !consumer.poll(LONG).isEmpty());
      consumer.commit();
      GroupDescription group = client.admin().describeGroup("watched");
      assertEquals(2, group.members().get(0).assignment().size());
      assertTrue(
          client.admin().listGroups().stream()
              .anyMatch(g -> g.group().equals("watched") && g.members() == 1));
      assertEquals(
          0,
          client.admin().groupLag("watched").stream()
              .filter(lag -> lag.lag() != null)
              .mapToLong(PartitionLag::lag)
              .sum());
    }
    assertEquals(
        2,
        client
            .admin()
            .resetGroupOffsets("watched", "described", StartOffset.latest(), List.of(0, 1))
            .size());
    client.admin().deleteGroup("watched");
  }

  @Test
  void theClientTellsOfItselfAndItsBroker() {
    assertTrue(client.ping().compareTo(LONG) < 0);
    assertEquals(System.getProperty("flymq.version"), client.broker().version());
    assertEquals(broker.port(), client.admin().brokers().get(0).port());
    client.produceAsync(ProducerRecord.of("nowhere", null)).exceptionally(e -> null).join();
    MetricsSnapshot metrics = client.metrics();
    assertTrue(metrics.requests() > 0 && metrics.connections() > 0, metrics::toString);
    assertTrue(metrics.operations().get("HELLO").requests() > 0, metrics::toString);
    assertEquals(new WhoAmI("anonymous", "ANONYMOUS", List.of(), null), client.whoami());
  }

  @Test
  void aPoolLendsClients() {
    try (FlyMQClientPool pool = FlyMQClient.builder().addresses(broker.address()).pool(2)) {
      FlyMQClient first = pool.get();
      try (FlyMQClient second = pool.get()) {
        second.ping();
        assertEquals(2, pool.borrowed());
        assertThrows(RequestTimeoutException.class, () -> pool.get(Duration.ofMillis(10)));
      }
      assertEquals(1, pool.borrowed());
      first.close();
      first.close();
      assertThrows(ClosedException.class, first::ping);
      assertEquals(0, pool.borrowed());
    }
  }

  @Test
  void optionsAreCheckedAndSecretsNotShown() {
    FlyMQClientBuilder builder = FlyMQClient.builder().addresses(broker.address());
    FlyMQException error =
        assertThrows(
            InvalidArgumentException.class,
            () -> builder.option("conect_timeout_ms", "1").connect());
    assertTrue(error.getMessage().contains("connect_timeout_ms?"), error.getMessage());
    FlyMQClientBuilder secret =
        FlyMQClient.builder().option("encryption_key", "hunter2".toCharArray());
    assertFalse(secret.toString().contains("hunter2"));
    error = assertThrows(InvalidArgumentException.class, secret::connect);
    assertFalse(error.getMessage().contains("hunter2"), error.getMessage());
    assertThrows(InvalidArgumentException.class, () -> FlyMQClient.connect("http://example.org"));
    assertThrows(
        InvalidArgumentException.class,
        () -> client.producer().option("batch_bytes", "many").build());
    assertThrows(
        ConnectFailedException.class,
        () ->
            FlyMQClient.builder()
                .addresses("127.0.0.1:1")
                .connectTimeout(Duration.ofMillis(50))
                .connect());
  }

  @Test
  void optionsAreListedAndEachDefaultIsTaken() {
    FlyMQClientBuilder all = FlyMQClient.builder().addresses(broker.address());
    for (OptionInfo option : OptionInfo.ofClient()) {
      assertTrue(option.doc().endsWith("."), option.doc());
      assertTrue(!option.secret() || option.defaultValue().isEmpty(), option.name());
      if (!option.defaultValue().isEmpty()) {
        all.option(option.name(), option.defaultValue());
      }
    }
    all.connect().close();
    ProducerBuilder<byte[], byte[]> producer = client.producer();
    OptionInfo.ofProducer().stream()
        .filter(option -> !option.defaultValue().isEmpty())
        .forEach(option -> producer.option(option.name(), option.defaultValue()));
    producer.build().close();
    List<String> secrets =
        OptionInfo.ofClient().stream().filter(OptionInfo::secret).map(OptionInfo::name).toList();
    assertTrue(secrets.containsAll(List.of("password", "encryption_key")), secrets.toString());
    assertTrue(OptionInfo.ofConsumer().stream().anyMatch(option -> option.name().equals("group")));
    assertFalse(OptionInfo.ofTransactionalProducer().isEmpty());
  }

  @Test
  void whatIsClosedSaysSo() {
    FlyMQClient closed = FlyMQClient.connect(broker.address());
    Producer<byte[], byte[]> producer = closed.producer().build();
    Consumer<byte[], byte[]> consumer = closed.consumer().build();
    TransactionalProducer<byte[], byte[]> transactional =
        closed.transactionalProducer("closed").build();
    Transaction<byte[], byte[]> transaction = transactional.begin();
    transaction.close();
    transactional.close();
    consumer.close();
    producer.close();
    closed.close();
    for (AutoCloseable twice : List.of(transaction, transactional, consumer, producer, closed)) {
      org.junit.jupiter.api.Assertions.assertDoesNotThrow(twice::close);
    }
    assertThrows(ClosedException.class, closed::ping);
    assertThrows(ClosedException.class, () -> producer.send("t", null));
    assertThrows(ClosedException.class, () -> consumer.poll(Duration.ZERO));
    assertThrows(ClosedException.class, transactional::begin);
    assertThrows(ClosedException.class, transaction::commit);
  }

  @Test
  void callsUnderWayEndWithTheClient() {
    FlyMQClient ended = FlyMQClient.connect(broker.address());
    ended.createTopic("waited-for", 1);
    Consumer<byte[], byte[]> consumer = ended.consumer().build();
    consumer.assign(List.of(new TopicPartition("waited-for", 0)));
    CompletableFuture<Void> polling =
        CompletableFuture.runAsync(() -> consumer.poll(Duration.ofDays(1)));
    ended.close();
    assertThrows(CompletionException.class, polling::join);
  }

  @Test
  void anInterruptEndsAWait() throws InterruptedException {
    client.createTopic("silent", 1);
    FetchOptions patient = FetchOptions.defaults().withMaxWait(Duration.ofDays(1));
    CompletableFuture<Boolean> ended = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                client.fetch("silent", 0, 0, patient);
              } catch (WaitInterruptedException interrupted) {
                ended.complete(Thread.currentThread().isInterrupted());
              }
            });
    thread.start();
    Fixtures.until("the thread waits", () -> thread.getState() == Thread.State.WAITING);
    thread.interrupt();
    assertTrue(ended.join());
    thread.join();
  }

  @Test
  void aPanicIsAnError() {
    PanicException error =
        assertThrows(
            PanicException.class, () -> Call.wait(Native::panic, 0, new Out().text("on purpose")));
    assertTrue(error.getMessage().contains("on purpose"));
    // Arguments that do not fit the call are an error too, and not a crash.
    assertThrows(FlyMQException.class, () -> Call.wait(Native::clientConnect, 0, new Out()));
    assertThrows(
        FlyMQException.class,
        () -> Call.wait(Native::clientConnect, 0, new Out().int32(Integer.MAX_VALUE)));
  }
}
