package io.flymq.examples;

import io.flymq.client.Consumer;
import io.flymq.client.ConsumerRecord;
import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.Producer;
import io.flymq.client.RecordMetadata;
import io.flymq.client.serde.Serde;
import io.flymq.client.serde.Serdes;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/**
 * Replays a year of flights through FlyMQ and proves that nothing was lost or changed.
 *
 * <p>The 336,776 flights that left New York in 2013 are sent as JSON, keyed by carrier, into a topic of
 * six partitions of an embedded broker. The three members of a group read them back, and count flights
 * and sum up departure delays by carrier. The figures must equal those computed straight from the file.
 */
public final class FlightsDemo {
  private static final String TOPIC = "flights";
  private static final int EXPECTED = 336_776;
  private static final int MEMBERS = 3;
  private static final Serde<Flight> JSON = Serdes.json(Flight.class);

  /** A flight, with its departure delay in minutes unless it was cancelled. */
  public record Flight(
      String carrier, int flight, String origin, String dest, @Nullable Integer delay) {}

  /** What is known of a carrier. */
  record Figures(int flights, int delays, long minutes) {
    Figures plus(Figures other) {
      return new Figures(
          flights + other.flights, delays + other.delays, minutes + other.minutes);
    }

    static Figures of(Flight flight) {
      Integer delay = flight.delay();
      return delay == null ? new Figures(1, 0, 0) : new Figures(1, 1, delay);
    }
  }

  public static void main(String[] arguments) throws IOException {
    Map<String, Figures> sent;
    Map<String, Figures> read;
    long began = System.nanoTime();
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClient client = FlyMQClient.connect(broker.address())) {
      client.createTopic(TOPIC, 6);
      sent = produce(client, arguments[0]);
      read = consume(client);
    }
    double seconds = (System.nanoTime() - began) / 1e9;
    int events = read.values().stream().mapToInt(Figures::flights).sum();
    if (events != EXPECTED || !read.equals(sent)) {
      System.err.println("demo failed: the file says " + sent + ", the consumers say " + read);
      System.exit(1);
    }
    System.out.println("carrier  flights  mean departure delay");
    read.forEach(
        (carrier, figures) ->
            System.out.printf(
                "%-7s  %,7d  %13.2f min%n",
                carrier, figures.flights(), (double) figures.minutes() / figures.delays()));
    System.out.printf(
        "demo ok: %d events produced and consumed by Java in %.1f s, all figures equal%n",
        events, seconds);
  }

  /** Sends every flight, and returns the figures straight from the file. */
  private static Map<String, Figures> produce(FlyMQClient client, String path) throws IOException {
    Map<String, Figures> figures = new TreeMap<>();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    try (Producer<String, Flight> producer = client.producer(Serdes.string(), JSON).build();
        ZipFile archive = new ZipFile(path);
        BufferedReader lines =
            new BufferedReader(
                new InputStreamReader(
                    archive.getInputStream(archive.getEntry("flights.csv")),
                    StandardCharsets.UTF_8))) {
      List<String> columns = Arrays.asList(lines.readLine().replace("\"", "").split(","));
      String line;
      while ((line = lines.readLine()) != null) {
        Flight flight = parse(columns, line.replace("\"", "").split(",", -1));
        figures.merge(flight.carrier(), Figures.of(flight), Figures::plus);
        CompletableFuture<RecordMetadata> stored = producer.send(TOPIC, flight.carrier(), flight);
        stored.exceptionally(
            error -> {
              failure.compareAndSet(null, error);
              return null;
            });
      }
    }
    if (failure.get() != null) {
      throw new IOException("a flight could not be stored", failure.get());
    }
    return figures;
  }

  private static Flight parse(List<String> columns, String[] values) {
    String delay = values[columns.indexOf("dep_delay")];
    return new Flight(
        values[columns.indexOf("carrier")],
        Integer.parseInt(values[columns.indexOf("flight")]),
        values[columns.indexOf("origin")],
        values[columns.indexOf("dest")],
        delay.isEmpty() || delay.equals("NA") ? null : (int) Double.parseDouble(delay));
  }

  /** Reads all flights with the members of a group, and returns their figures together. */
  private static Map<String, Figures> consume(FlyMQClient client) {
    Map<String, Figures> figures = new ConcurrentSkipListMap<>();
    AtomicInteger left = new AtomicInteger(EXPECTED);
    List<CompletableFuture<Void>> members =
        IntStream.range(0, MEMBERS)
            .mapToObj(i -> CompletableFuture.runAsync(() -> member(client, figures, left)))
            .toList();
    members.forEach(CompletableFuture::join);
    return new TreeMap<>(figures);
  }

  private static void member(
      FlyMQClient client, Map<String, Figures> figures, AtomicInteger left) {
    try (Consumer<String, Flight> consumer =
        client
            .consumer(Serdes.string(), JSON)
            .group("analysts")
            .maxPollRecords(5_000)
            .build()) {
      consumer.subscribe(TOPIC);
      while (left.get() > 0) {
        for (ConsumerRecord<String, Flight> record : consumer.poll(Duration.ofMillis(200))) {
          figures.merge(record.key(), Figures.of(record.value()), Figures::plus);
          left.decrementAndGet();
        }
      }
    }
  }
}
