package io.flymq.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.flymq.client.errors.FlyMQException;
import io.flymq.client.errors.UnknownTopicException;
import io.flymq.client.errors.WaitInterruptedException;
import io.flymq.client.serde.Serdes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Everything at once on many threads, with the JVM looking at each call of the native library. */
class SoakTest {
  /** Runs for so many seconds, and prints how many records came through. */
  static final class SoakProgram {
    private final FlyMQClient client;
    private final long end;
    private final Set<String> acknowledged = ConcurrentHashMap.newKeySet();
    private final Set<String> processed = ConcurrentHashMap.newKeySet();

    private SoakProgram(FlyMQClient client, int seconds) {
      this.client = client;
      this.end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    }

    public static void main(String[] arguments) throws Exception {
      ExecutorService threads = Executors.newCachedThreadPool();
      try (EmbeddedBroker broker = EmbeddedBroker.builder().fsync(false).start();
          FlyMQClient client = FlyMQClient.connect(broker.address())) {
        client.createTopic("in", 4);
        client.createTopic("out", 4);
        SoakProgram soak = new SoakProgram(client, Integer.parseInt(arguments[0]));
        List<Callable<Void>> work =
            List.of(
                () -> soak.produce("a"),
                () -> soak.produce("b"),
                () -> soak.transform("one"),
                () -> soak.transform("two"),
                soak::process,
                soak::ask);
        List<Future<Void>> all = work.stream().map(threads::submit).toList();
        for (Future<Void> one : all) {
          one.get();
        }
        System.out.println(soak.acknowledged.size() + " " + soak.processed.size());
      } finally {
        threads.shutdownNow();
      }
    }

    private boolean isOver() {
      return System.nanoTime() > end;
    }

    private Void produce(String name) {
      for (int run = 0; !isOver(); run++) {
        try (Producer<String, String> producer =
            client.producer(Serdes.string(), Serdes.string()).maxUnconfirmed(500).build()) {
          List<CompletableFuture<Void>> sent = new ArrayList<>();
          for (int i = 0; i < 1000; i++) {
            String value = name + "-" + run + "-" + i;
            ProducerRecord<String, String> record =
                ProducerRecord.<String, String>of("in", "key-" + i, value).withHeader("h", value);
            sent.add(producer.send(record).thenAccept(stored -> acknowledged.add(value)));
          }
          sent.forEach(CompletableFuture::join);
        }
      }
      return null;
    }

    /** Until all is through, since others wait for what it sends. */
    private Void transform(String name) {
      try (Consumer<String, String> consumer = consumer("transform");
          TransactionalProducer<String, String> producer =
              client
                  .transactionalProducer("soak-" + name, Serdes.string(), Serdes.string())
                  .build()) {
        consumer.subscribe("in");
        while (!isOver() || processed.size() < acknowledged.size()) {
          ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(50));
          if (records.isEmpty()) {
            continue;
          }
          try (Transaction<String, String> transaction = producer.begin()) {
            records.forEach(record -> transaction.send("out", record.key(), record.value()));
            transaction.sendOffsets(consumer);
            transaction.commit();
          } catch (FlyMQException error) {
            if (!error.isAbortable()) {
              throw error;
            }
            consumer.rewind();
          }
        }
      }
      return null;
    }

    /** Reads with one consumer after the other, each of which is woken now and then. */
    private Void process() {
      while (!isOver() || processed.size() < acknowledged.size()) {
        try (Consumer<String, String> consumer = consumer("process")) {
          consumer.subscribe("out");
          for (int i = 0; i < 50; i++) {
            if (i % 10 == 0) {
              consumer.wakeup();
            }
            try {
              consumer
                  .poll(Duration.ofMillis(50))
                  .forEach(record -> processed.add(record.headers().isEmpty() ? record.value() : "?"));
              consumer.commitAsync();
            } catch (WaitInterruptedException woken) {
              consumer.commit();
            }
          }
        }
      }
      return null;
    }

    private Consumer<String, String> consumer(String group) {
      return client
          .consumer(Serdes.string(), Serdes.string())
          .group(group)
          .autoCommit(false)
          .build();
    }

    /** Calls that answer at once, such as fail, and such as are given up. */
    private Void ask() {
      while (!isOver()) {
        client.admin().describeTopic("in");
        client.admin().groupLag("process");
        client.metrics();
        try {
          client.consume("nowhere", 0, 0);
        } catch (UnknownTopicException expected) {
          client.ping();
        }
        Thread.currentThread().interrupt();
        try {
          client.fetch("in", 0, 1L << 40, FetchOptions.defaults());
        } catch (FlyMQException interruptedOrOutOfRange) {
          Thread.interrupted();
        }
        Thread.interrupted();
      }
      return null;
    }
  }

  /** {@code -Dflymq.test.soak=3600} for an hour. */
  @Test
  @Timeout(value = 1, unit = TimeUnit.DAYS)
  void nothingIsLostAndTheJvmHasNothingToSay() throws Exception {
    int seconds = Integer.getInteger("flymq.test.soak", 2);
    Process program = Programs.start(List.of("-Xmx256m"), SoakProgram.class, "" + seconds);
    String output = Programs.output(program, Duration.ofMinutes(2).plusSeconds(2L * seconds));
    System.out.println(seconds + " s: " + output.trim());
    String[] counts = output.lines().reduce((first, last) -> last).orElseThrow().split(" ");
    assertEquals(counts[0], counts[1], output);
    assertTrue(Integer.parseInt(counts[0]) > 0, output);
  }
}
