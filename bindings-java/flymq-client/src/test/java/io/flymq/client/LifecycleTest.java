package io.flymq.client;

import static io.flymq.client.Fixtures.LONG;
import static io.flymq.client.Fixtures.bytes;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.flymq.client.internal.Native;
import io.flymq.client.serde.Serdes;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Beginnings and ends: of objects, of the JVM, of the broker. */
class LifecycleTest {
  @TempDir Path data;

  /** A broker in a JVM of its own, which prints its port. */
  static final class BrokerProgram {
    public static void main(String[] arguments) throws InterruptedException {
      EmbeddedBroker broker =
          EmbeddedBroker.builder()
              .dataDir(Path.of(arguments[0]))
              .port(Integer.parseInt(arguments[1]))
              .start();
      System.out.println(broker.port());
      Thread.sleep(Duration.ofDays(1).toMillis());
    }
  }

  /** A running {@link BrokerProgram}, which is killed when it is closed. */
  private record RunningBroker(Process process, int port) implements AutoCloseable {
    static RunningBroker start(Path data, int port) throws IOException {
      Process process =
          Programs.start(
              List.of(), BrokerProgram.class, data.toString(), Integer.toString(port));
      String line = Programs.firstLine(process);
      try {
        return new RunningBroker(process, Integer.parseInt(line));
      } catch (NumberFormatException error) {
        process.destroyForcibly();
        throw new AssertionError("the broker does not start: " + line, error);
      }
    }

    @Override
    public void close() {
      process.destroyForcibly().onExit().join();
    }
  }

  @Test
  void everythingGoesOnWhenTheBrokerIsKilled() throws Exception {
    RunningBroker broker = RunningBroker.start(data, 0);
    try (FlyMQClient client = FlyMQClient.connect("127.0.0.1:" + broker.port());
        Producer<String, String> producer =
            client.producer(Serdes.string(), Serdes.string()).build();
        Consumer<String, String> consumer =
            client.consumer(Serdes.string(), Serdes.string()).group("g").build()) {
      client.createTopic("events", 1);
      consumer.subscribe("events");
      List<CompletableFuture<RecordMetadata>> sent = new ArrayList<>();
      List<String> seen = new ArrayList<>();
      for (int i = 0; i < 300; i++) {
        sent.add(producer.send("events", "k", "event " + i));
        if (i == 100) {
          sent.get(50).join();
          broker.close();
        }
        if (i == 200) {
          broker = RunningBroker.start(data, broker.port());
        }
      }
      for (int i = 0; i < 300; i++) {
        assertEquals(i, sent.get(i).join().offset());
      }
      while (seen.size() < 300) {
        consumer.poll(LONG).forEach(record -> seen.add(record.value()));
      }
      assertEquals(IntStream.range(0, 300).mapToObj(i -> "event " + i).toList(), seen);
      consumer.commit();
    } finally {
      broker.close();
    }
  }

  /** Connects, and stays until its input ends. */
  static final class LoggedProgram {
    public static void main(String[] arguments) throws IOException {
      try (FlyMQClient client = FlyMQClient.connect(arguments[0])) {
        client.ping();
        System.in.read();
      }
    }
  }

  @Test
  void whatTheLibraryLogsIsLoggedBySlf4j() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start()) {
      Process process =
          Programs.start(
              List.of("-Dorg.slf4j.simpleLogger.log.io.flymq=debug"),
              LoggedProgram.class,
              broker.address());
      try (BufferedReader lines = process.inputReader()) {
        String line = lines.readLine();
        while (line != null && !line.contains("connected")) {
          line = lines.readLine();
        }
        assertTrue(line != null && line.contains("DEBUG io.flymq.core.link.connection"), line);
        assertTrue(line.contains(broker.address()), line);
        process.outputWriter().close();
        lines.lines().forEach(rest -> {});
        assertEquals(0, process.waitFor());
      } finally {
        process.destroyForcibly();
      }
    }
  }

  /** Leaves everything open, under way and unflushed. */
  static final class CarelessProgram {
    public static void main(String[] arguments) {
      FlyMQClient client = FlyMQClient.connect(arguments[0]);
      Producer<byte[], byte[]> producer =
          client.producer().linger(Duration.ofDays(1)).build();
      Consumer<byte[], byte[]> consumer = client.consumer().group("careless").build();
      consumer.subscribe("events");
      EmbeddedBroker broker = EmbeddedBroker.start();
      System.out.println(broker.dataDir());
      client.transactionalProducer("careless").build().begin().send("events", bytes("nothing"));
      CompletableFuture.runAsync(() -> consumer.poll(Duration.ofDays(1)));
      client.produceAsync(ProducerRecord.of("events", bytes("one")));
      producer.send("events", bytes("two"));
    }
  }

  @Test
  void theJvmExitsByItselfAndLosesNothing() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClient client = FlyMQClient.connect(broker.address())) {
      client.createTopic("events", 1);
      String folder = Programs.run(List.of(), CarelessProgram.class, broker.address()).trim();
      assertFalse(Files.exists(Path.of(folder)), "the temporary folder is removed: " + folder);
      List<String> stored =
          Fixtures.read(client, "events", 0, Isolation.READ_UNCOMMITTED).stream()
              .filter(value -> !value.equals("nothing"))
              .sorted()
              .toList();
      assertEquals(List.of("one", "two"), stored);
    }
  }

  /** Opens and closes, or forgets, everything so many times, and prints how much more memory that took. */
  static final class LeakProgram {
    public static void main(String[] arguments) throws Exception {
      String address = arguments[0];
      int cycles = Integer.parseInt(arguments[1]);
      cycles(address, cycles / 5);
      long heap = heap();
      long resident = resident();
      cycles(address, cycles);
      System.out.println((heap() - heap) + " " + (resident() - resident));
    }

    private static void cycles(String address, int count) {
      for (int i = 0; i < count; i++) {
        FlyMQClient client = FlyMQClient.connect(address);
        Producer<byte[], byte[]> producer = client.producer().linger(Duration.ZERO).build();
        Consumer<byte[], byte[]> consumer = client.consumer().build();
        consumer.assign(List.of(new TopicPartition("events", 0)));
        long offset = producer.send("events", bytes("event")).join().offset();
        consumer.seek(new TopicPartition("events", 0), offset);
        if (consumer.poll(LONG).isEmpty()) {
          throw new AssertionError("a record was stored");
        }
        // One in ten is forgotten; never many at a time, or the most that there were would decide.
        if (i % 10 != 0) {
          consumer.close();
          producer.close();
          client.close();
        }
        if (i % 50 == 49) {
          collect();
        }
      }
      collect();
    }

    private static void collect() {
      while (Native.openHandles() > 0) {
        System.gc();
        Thread.onSpinWait();
      }
    }

    private static long heap() {
      System.gc();
      Runtime runtime = Runtime.getRuntime();
      return runtime.totalMemory() - runtime.freeMemory();
    }

    private static long resident() throws IOException {
      String kilobytes =
          Files.readAllLines(Path.of("/proc/self/status")).stream()
              .filter(line -> line.startsWith("VmRSS:"))
              .findFirst()
              .orElseThrow()
              .replaceAll("\\D", "");
      return Long.parseLong(kilobytes) * 1024;
    }
  }

  /** {@code -Dflymq.test.cycles=10000} for as many as are promised. */
  @Test
  @Timeout(value = 1, unit = TimeUnit.HOURS)
  void nothingLeaks() throws Exception {
    int cycles = Integer.getInteger("flymq.test.cycles", 500);
    String output;
    try (EmbeddedBroker broker = EmbeddedBroker.builder().fsync(false).start();
        FlyMQClient client = FlyMQClient.connect(broker.address())) {
      client.createTopic("events", 1);
      // All of the heap is resident from the beginning, so that what grows is something else.
      List<String> options = List.of("-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch");
      Process program = Programs.start(options, LeakProgram.class, broker.address(), "" + cycles);
      output = Programs.output(program, Duration.ofMinutes(2).plusMillis(50L * cycles));
    }
    String[] grown = output.lines().reduce((first, last) -> last).orElseThrow().split(" ");
    System.out.println(cycles + " cycles: heap and resident set have grown by " + output.trim());
    assertTrue(Long.parseLong(grown[0]) < 8 << 20, "heap: " + output);
    assertTrue(Long.parseLong(grown[1]) < 64 << 20, "resident set: " + output);
  }

  @Test
  void aBrokerKeepsItsDataForTheNext() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.builder().dataDir(data).start();
        FlyMQClient client = FlyMQClient.connect(broker.address())) {
      client.createTopic("events", 1);
      client.produce("events", "kept");
    }
    try (RunningBroker again = RunningBroker.start(data, 0);
        FlyMQClient client = FlyMQClient.connect("127.0.0.1:" + again.port())) {
      assertEquals(List.of("kept"), Fixtures.read(client, "events", 0, Isolation.READ_COMMITTED));
    }
  }
}
