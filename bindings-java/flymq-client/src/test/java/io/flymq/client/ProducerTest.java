package io.flymq.client;

import static io.flymq.client.Fixtures.bytes;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.flymq.client.errors.BufferFullException;
import io.flymq.client.errors.SerializationException;
import io.flymq.client.errors.UnknownTopicException;
import io.flymq.client.errors.WaitInterruptedException;
import io.flymq.client.serde.Serdes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ProducerTest {
  private EmbeddedBroker broker;
  private FlyMQClient client;

  @BeforeEach
  void start() {
    broker = EmbeddedBroker.builder().fsync(false).start();
    client = FlyMQClient.connect(broker.address());
    client.createTopic("clicks", 1);
  }

  @AfterEach
  void stop() {
    client.close();
    broker.close();
  }

  private static Throwable cause(CompletableFuture<?> failed) {
    return assertThrows(CompletionException.class, failed::join).getCause();
  }

  @Test
  void recordsKeepTheirOrderWhereverThereIsRoom() {
    // A buffer of a few records, so that nearly all have to wait in line for room.
    try (Producer<String, String> producer =
        client
            .producer(Serdes.string(), Serdes.string())
            .batchBytes(500)
            .bufferBytes(1_000)
            .linger(Duration.ZERO)
            .build()) {
      List<CompletableFuture<RecordMetadata>> sent = new ArrayList<>();
      for (int i = 0; i < 5_000; i++) {
        sent.add(producer.send("clicks", "click " + i));
      }
      producer.flush();
      for (int i = 0; i < 5_000; i++) {
        assertEquals(i, sent.get(i).join().offset());
      }
    }
    List<String> expected = IntStream.range(0, 5_000).mapToObj(i -> "click " + i).toList();
    assertEquals(expected, Fixtures.read(client, "clicks", 0, Isolation.READ_COMMITTED));
  }

  @Test
  void manyThreadsShareAProducer() {
    try (Producer<String, String> producer =
        client.producer(Serdes.string(), Serdes.string()).maxUnconfirmed(100).build()) {
      List<CompletableFuture<Void>> threads =
          IntStream.range(0, 4)
              .mapToObj(
                  t ->
                      CompletableFuture.runAsync(
                          () -> {
                            for (int i = 0; i < 1_000; i++) {
                              producer.send("clicks", t + " " + i);
                            }
                          }))
              .toList();
      threads.forEach(CompletableFuture::join);
    }
    List<String> all = Fixtures.read(client, "clicks", 0, Isolation.READ_COMMITTED);
    for (int t = 0; t < 4; t++) {
      String prefix = t + " ";
      assertEquals(
          IntStream.range(0, 1_000).mapToObj(i -> prefix + i).toList(),
          all.stream().filter(value -> value.startsWith(prefix)).toList());
    }
  }

  @Test
  void fullMeansWaitingAndThenAnError() {
    broker.close();
    try (FlyMQClient lonely = offline();
        Producer<byte[], byte[]> producer =
            lonely
                .producer()
                .maxUnconfirmed(2)
                .enqueueTimeout(Duration.ofMillis(20))
                .deliveryTimeout(Duration.ofMillis(500))
                .build()) {
      // The topic's partitions cannot be learnt, so that there is no room for any record.
      assertInstanceOf(BufferFullException.class, cause(producer.send("clicks", bytes("a"))));
      assertTrue(((BufferFullException) cause(producer.send("clicks", null))).isRetriable());
      Thread.currentThread().interrupt();
      assertThrows(WaitInterruptedException.class, () -> producer.send("clicks", null));
      assertTrue(Thread.interrupted());
    }
  }

  @Test
  void recordsThatNobodyConfirmsAreGivenUp() {
    try (Producer<byte[], byte[]> producer =
        client
            .producer()
            .maxUnconfirmed(2)
            .enqueueTimeout(Duration.ofMillis(20))
            .deliveryTimeout(Duration.ofMillis(500))
            .build()) {
      producer.send("clicks", bytes("first")).join();
      broker.close();
      CompletableFuture<RecordMetadata> one = producer.send("clicks", bytes("a"));
      CompletableFuture<RecordMetadata> two = producer.send("clicks", bytes("b"));
      assertInstanceOf(BufferFullException.class, cause(producer.send("clicks", bytes("c"))));
      assertFalse(cause(one) instanceof BufferFullException);
      cause(two);
    }
  }

  /** A client whose broker has gone. */
  private FlyMQClient offline() {
    EmbeddedBroker gone = EmbeddedBroker.start();
    FlyMQClient lonely =
        FlyMQClient.builder()
            .addresses(gone.address())
            .requestTimeout(Duration.ofSeconds(1))
            .connect();
    gone.close();
    return lonely;
  }

  @Test
  void closingSendsWhatIsLeft() {
    Producer<String, String> producer =
        client.producer(Serdes.string(), Serdes.string()).linger(Duration.ofDays(1)).build();
    CompletableFuture<RecordMetadata> sent = producer.send("clicks", "k", "v");
    producer.close();
    assertEquals(0, sent.join().offset());
  }

  @Test
  void whatAForgottenProducerHasTakenInIsSent() {
    CompletableFuture<RecordMetadata> stored =
        client.producer().linger(Duration.ofMillis(300)).build().send("clicks", bytes("v"));
    while (!stored.isDone()) {
      System.gc();
    }
    assertEquals(0, stored.join().offset());
  }

  @Test
  void failuresComeWithTheFuture() {
    record Cyclic(List<Object> self) {}
    List<Object> self = new ArrayList<>();
    self.add(self);
    try (Producer<byte[], Cyclic> producer =
            client.producer(Serdes.bytes(), Serdes.json(Cyclic.class)).build();
        Producer<byte[], byte[]> plain = client.producer().build()) {
      assertInstanceOf(
          SerializationException.class, cause(producer.send("clicks", new Cyclic(self))));
      assertInstanceOf(UnknownTopicException.class, cause(plain.send("nowhere", null)));
    }
  }

  @Test
  void interceptorsSeeRecordsAndResults() {
    ConcurrentLinkedQueue<String> results = new ConcurrentLinkedQueue<>();
    ProducerInterceptor<String, String> interceptor =
        new ProducerInterceptor<>() {
          @Override
          public ProducerRecord<String, String> onSend(ProducerRecord<String, String> record) {
            return record.withHeader("seen", "yes");
          }

          @Override
          public void onResult(
              ProducerRecord<String, String> record, RecordMetadata stored, Throwable error) {
            results.add(record.value() + (error == null ? " stored" : " failed"));
          }
        };
    try (Producer<String, String> producer =
        client.producer(Serdes.string(), Serdes.string()).interceptor(interceptor).build()) {
      producer.send("clicks", "one").join();
      cause(producer.send("nowhere", "two"));
    }
    assertEquals(List.of("one stored", "two failed"), List.copyOf(results));
    assertEquals(
        "yes", client.consume("clicks", 0, 0).orElseThrow().headers().text("seen"));
  }

  @Test
  void whatHangsOnAFutureMayWaitForOthers() {
    // One by one, on the default executor: each waits for what is sent in it, and for the next one.
    try (Producer<String, String> producer =
        client.producer(Serdes.string(), Serdes.string()).build()) {
      List<CompletableFuture<RecordMetadata>> sent = new ArrayList<>();
      List<CompletableFuture<Long>> told = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        CompletableFuture<RecordMetadata> one = producer.send("clicks", "outer " + i);
        sent.add(one);
        told.add(
            one.thenApply(
                stored -> {
                  client.produce("clicks", "inner");
                  return producer.send("clicks", "inner").join().offset();
                }));
      }
      for (int i = 0; i + 1 < 200; i++) {
        int next = i + 1;
        sent.get(i).thenAccept(stored -> sent.get(next).join());
      }
      told.forEach(CompletableFuture::join);
    }
  }

  @Test
  void futuresAreCompletedOnTheGivenExecutor() throws InterruptedException {
    ExecutorService executor = Executors.newSingleThreadExecutor(r -> new Thread(r, "mine"));
    FlyMQClient mine =
        FlyMQClient.builder().addresses(broker.address()).executor(executor).connect();
    Producer<byte[], byte[]> producer =
        mine.producer().linger(Duration.ofMillis(50)).build();
    CompletableFuture<String> name =
        producer.send("clicks", null).thenApply(stored -> Thread.currentThread().getName());
    assertEquals("mine", name.join());
    // One that was shut down must not leave anyone waiting.
    executor.shutdown();
    assertTrue(executor.awaitTermination(10, TimeUnit.SECONDS));
    assertEquals(1, producer.send("clicks", null).join().offset());
    producer.close();
    mine.close();
  }
}
