package io.flymq.client;

import static io.flymq.client.Fixtures.LONG;
import static io.flymq.client.Fixtures.bytes;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.flymq.client.errors.InvalidArgumentException;
import io.flymq.client.errors.WaitInterruptedException;
import io.flymq.client.serde.JacksonSerde;
import io.flymq.client.serde.Serde;
import io.flymq.client.serde.Serdes;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ConsumerTest {
  private static final TopicPartition ORDERS = new TopicPartition("orders", 0);

  private EmbeddedBroker broker;
  private FlyMQClient client;

  @BeforeEach
  void start() {
    broker = EmbeddedBroker.builder().fsync(false).start();
    client = FlyMQClient.connect(broker.address());
    client.createTopic("orders", 1);
  }

  @AfterEach
  void stop() {
    client.close();
    broker.close();
  }

  private void store(String... values) {
    for (String value : values) {
      client.produce("orders", value);
    }
  }

  private ConsumerBuilder<String, String> strings() {
    return client.consumer(Serdes.string(), Serdes.string());
  }

  private static List<String> take(Consumer<String, String> consumer, int count) {
    List<String> values = new ArrayList<>();
    while (values.size() < count) {
      consumer.poll(LONG).forEach(record -> values.add(record.value()));
    }
    return values;
  }

  @Test
  void positionsAreChosen() {
    store("a", "b", "c");
    try (Consumer<String, String> consumer = strings().build()) {
      consumer.assign(Map.of(ORDERS, StartOffset.offset(1)));
      assertEquals(Set.of(ORDERS), consumer.assignment());
      assertEquals(List.of("b", "c"), take(consumer, 2));
      assertEquals(3, consumer.position(ORDERS));
      assertEquals(0, consumer.lag(ORDERS).orElseThrow());
      consumer.seek(ORDERS, 0);
      assertEquals(List.of("a", "b", "c"), take(consumer, 3));
      consumer.seek(ORDERS, StartOffset.timestamp(Instant.EPOCH));
      consumer.pause(List.of(ORDERS));
      assertTrue(consumer.poll(Duration.ofMillis(20)).isEmpty());
      consumer.resume(List.of(ORDERS));
      assertEquals(List.of("a", "b", "c"), take(consumer, 3));
      assertThrows(InvalidArgumentException.class, () -> consumer.commit());
      assertNull(consumer.groupMetadata());
    }
  }

  @Test
  void commitsAreStored() {
    store("a", "b", "c");
    try (Consumer<String, String> consumer =
        strings().group("billing").autoCommit(false).build()) {
      consumer.subscribe("orders");
      List<ConsumerRecord<String, String>> records = consumer.poll(LONG).toList();
      while (records.isEmpty()) {
        records = consumer.poll(LONG).toList();
      }
      consumer.commit(records.get(0));
      assertEquals(0, consumer.committed(List.of(ORDERS)).get(ORDERS).offset());
      consumer.commit(List.of(new GroupOffset("orders", 0, 1, "a note")));
      GroupOffset committed = consumer.committed(List.of(ORDERS)).get(ORDERS);
      assertEquals(new GroupOffset("orders", 0, 1, "a note"), committed);
      assertEquals(2, committed.next());
      consumer.commitAsync().join();
      assertEquals(
          records.get(records.size() - 1).offset(),
          client.admin().groupOffsets("billing").get(ORDERS).offset());
      assertEquals("billing", consumer.groupMetadata().group());
      consumer.rewind();
    }
  }

  @Test
  void aListenerHearsOfChangesOnThePollingThread() {
    List<String> heard = new ArrayList<>();
    Thread thread = Thread.currentThread();
    RebalanceListener listener =
        new RebalanceListener() {
          @Override
          public void onAssigned(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
            assertEquals(thread, Thread.currentThread());
            heard.add("assigned " + partitions);
            assertThrows(InvalidArgumentException.class, () -> consumer.poll(Duration.ZERO));
            assertThrows(InvalidArgumentException.class, consumer::close);
            consumer.seek(ORDERS, 1);
          }

          @Override
          public void onRevoked(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
            heard.add("revoked " + partitions);
            consumer.commit();
          }
        };
    store("a", "b");
    Consumer<String, String> consumer =
        strings().group("billing").autoCommit(false).rebalanceListener(listener).build();
    consumer.subscribe("orders");
    assertEquals(List.of("b"), take(consumer, 1));
    consumer.unsubscribe();
    assertEquals(Set.of(), consumer.assignment());
    consumer.subscribe("orders");
    assertEquals(List.of("b"), take(consumer, 1));
    consumer.close();
    String orders = "[orders-0]";
    assertEquals(
        List.of("assigned " + orders, "revoked " + orders, "assigned " + orders, "revoked " + orders),
        heard);
    assertEquals(1, client.admin().groupOffsets("billing").get(ORDERS).offset());
  }

  @Test
  void aPollIsWokenAndLosesNothing() throws InterruptedException {
    try (Consumer<String, String> consumer = strings().build()) {
      consumer.assign(List.of(ORDERS));
      consumer.wakeup();
      assertThrows(WaitInterruptedException.class, () -> consumer.poll(LONG));
      // Interrupts at any moment: each record is returned once.
      List<String> values = new ArrayList<>();
      CompletableFuture<Void> done = new CompletableFuture<>();
      Thread thread =
          new Thread(
              () -> {
                while (values.size() < 300) {
                  try {
                    consumer.poll(LONG).forEach(record -> values.add(record.value()));
                  } catch (WaitInterruptedException woken) {
                    // Polls again.
                  }
                  Thread.interrupted();
                }
                done.complete(null);
              });
      thread.start();
      List<String> expected = new ArrayList<>();
      for (int i = 0; i < 300; i++) {
        store("" + i);
        expected.add("" + i);
        if (i % 2 == 0) {
          thread.interrupt();
        } else {
          consumer.wakeup();
        }
      }
      done.join();
      thread.join();
      assertEquals(expected, values);
    }
  }

  @Test
  void oneThreadPollsAndOthersMayDoTheRest() throws InterruptedException {
    Consumer<String, String> consumer = strings().build();
    consumer.assign(List.of(ORDERS));
    CompletableFuture<Throwable> ended = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                consumer.poll(Duration.ofDays(1));
              } catch (WaitInterruptedException woken) {
                ended.complete(woken);
              }
            });
    thread.start();
    Fixtures.until("the thread waits", () -> thread.getState() == Thread.State.WAITING);
    assertEquals(0, consumer.position(ORDERS));
    consumer.pause(List.of(ORDERS));
    assertThrows(InvalidArgumentException.class, () -> consumer.poll(Duration.ZERO));
    consumer.close();
    assertNotNull(ended.join());
    thread.join();
  }

  private record Order(int id) {}

  private ConsumerBuilder<byte[], Order> orders() {
    store("{\"id\":1}", "no JSON", "{\"id\":3}");
    return client.consumer(Serdes.bytes(), new JacksonSerde<>(new ObjectMapper(), Order.class));
  }

  private static List<Integer> ids(ConsumerRecords<byte[], Order> records) {
    return records.stream().map(record -> record.value().id()).toList();
  }

  @Test
  void aRecordThatCannotBeDecodedStopsItsPartition() {
    try (Consumer<byte[], Order> consumer = orders().build()) {
      consumer.assign(List.of(ORDERS));
      ConsumerRecords<byte[], Order> records = consumer.poll(LONG);
      assertEquals(List.of(1), ids(records));
      assertEquals(List.of(1), ids(records), "each time anew");
      assertEquals(3, records.count());
      assertEquals(1, consumer.position(ORDERS));
      RecordDeserializationException error =
          assertThrows(RecordDeserializationException.class, () -> consumer.poll(LONG));
      assertEquals("no JSON", Fixtures.text(error.record().value()));
      assertTrue(error.getMessage().contains("offset 1 of orders-0"), error.getMessage());
      assertTrue(consumer.poll(Duration.ofMillis(1)).isEmpty(), "told once");
      consumer.seek(ORDERS, error.record().offset() + 1);
      assertEquals(List.of(3), ids(consumer.poll(LONG)));
    }
  }

  @Test
  void aRecordThatCannotBeDecodedIsSkipped() {
    try (Consumer<byte[], Order> consumer = orders().onUndeserializable("skip").build()) {
      consumer.assign(List.of(ORDERS));
      ConsumerRecords<byte[], Order> records = consumer.poll(LONG);
      assertEquals(List.of(1, 3), ids(records));
      assertEquals(List.of(1, 3), ids(records));
      assertEquals(1, client.metrics().skippedRecords(), "decided once");
    }
  }

  @Test
  void aRecordThatCannotBeDecodedIsADeadLetter() {
    client.createTopic("orders.dlq", 1);
    try (Consumer<byte[], Order> consumer = orders().onUndeserializable("dead_letter").build()) {
      consumer.assign(List.of(ORDERS));
      assertEquals(List.of(1, 3), ids(consumer.poll(LONG)));
      ConsumerRecord<byte[], byte[]> letter = client.consume("orders.dlq", 0, 0).orElseThrow();
      assertEquals("no JSON", Fixtures.text(letter.value()));
      assertEquals("1", letter.headers().text("flymq.dlq.offset"));
    }
  }

  @Test
  void formatsGoBothWays() {
    record Order(int id, String what) {}
    Order order = new Order(7, "größer");
    for (Serde<Order> serde :
        List.of(
            Serdes.json(Order.class),
            new JacksonSerde<>(new ObjectMapper(), Order.class),
            Serdes.messagePack(Order.class))) {
      assertEquals(order, serde.deserialize("t", serde.serialize("t", order)));
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> Serdes.string().deserialize("t", new byte[] {(byte) 0xC3}));
  }

  @Test
  void recordsAreGroupedByPartition() {
    client.createTopic("two", 2);
    for (int i = 0; i < 6; i++) {
      client.produce(
          ProducerRecord.<byte[], byte[]>of("two", bytes("" + i)).withPartition(i % 2));
    }
    ConsumerInterceptor<String, String> shout =
        record -> record.withKeyAndValue(record.key(), record.value() + "!");
    try (Consumer<String, String> consumer = strings().interceptor(shout).build()) {
      TopicPartition even = new TopicPartition("two", 0);
      TopicPartition odd = new TopicPartition("two", 1);
      consumer.assign(List.of(even, odd));
      List<String> evens = new ArrayList<>();
      List<String> odds = new ArrayList<>();
      while (evens.size() + odds.size() < 6) {
        ConsumerRecords<String, String> records = consumer.poll(LONG);
        records.records(even).forEach(record -> evens.add(record.value()));
        records.records(odd).forEach(record -> odds.add(record.value()));
        assertTrue(Set.of(even, odd).containsAll(records.partitions()));
      }
      assertEquals(List.of("0!", "2!", "4!"), evens);
      assertEquals(List.of("1!", "3!", "5!"), odds);
    }
  }
}
