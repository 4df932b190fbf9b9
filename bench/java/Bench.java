import io.flymq.client.FlyMQClient;
import io.flymq.client.StartOffset;
import io.flymq.client.TopicPartition;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The Java client on a FlyMQ broker against kafka-clients on Apache Kafka: records of 100 bytes, one
 * partition, one thread, everything acknowledged as durably. Both in one JVM, round about round, the first
 * rounds not counted. `make bench-java` starts the brokers and this.
 */
public class Bench {
  private static final int RECORDS = Integer.getInteger("records", 500_000);
  private static final int SYNC = Integer.getInteger("sync", 2_000);
  private static final int ROUNDS = Integer.getInteger("rounds", 5);
  private static final int WARM_UP = 2;
  private static final byte[] VALUE = new byte[100];

  /** A system: each method runs one round on a topic of its own. */
  interface Peer {
    void createTopic(String topic) throws Exception;

    void produce(String topic, int records) throws Exception;

    int consume(String topic, int records) throws Exception;

    /** Sends one after the other, and returns how long each took, in nanoseconds. */
    long[] send(String topic, int records) throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    Peer flymq = new FlyMQ(arguments[0]);
    Peer kafka = new Kafka(arguments[1]);
    List<double[]> found = new ArrayList<>();
    for (int round = 0; round < WARM_UP + ROUNDS; round++) {
      double[] ours = round(flymq, "bench-" + round);
      double[] theirs = round(kafka, "bench-" + round);
      String counted = round < WARM_UP ? "warm-up" : "round " + (round - WARM_UP + 1);
      System.out.printf(
          Locale.ROOT,
          "%s: produce %,.0f | %,.0f /s, consume %,.0f | %,.0f /s, sync p50 %.0f | %.0f us%n",
          counted, ours[0], theirs[0], ours[1], theirs[1], ours[2], theirs[2]);
      if (round >= WARM_UP) {
        found.add(new double[] {ours[0] / theirs[0], ours[1] / theirs[1], ours[2] / theirs[2]});
      }
    }
    System.out.printf(
        Locale.ROOT,
        "FlyMQ / Kafka, median of %d rounds: produce x %.2f, consume x %.2f, sync send p50 x %.2f%n",
        ROUNDS, median(found, 0), median(found, 1), median(found, 2));
    System.exit(0);
  }

  private static double median(List<double[]> rounds, int index) {
    double[] sorted = rounds.stream().mapToDouble(round -> round[index]).sorted().toArray();
    return sorted[sorted.length / 2];
  }

  private static double[] round(Peer peer, String topic) throws Exception {
    peer.createTopic(topic);
    peer.createTopic(topic + "-sync");
    long began = System.nanoTime();
    peer.produce(topic, RECORDS);
    double produced = RECORDS * 1e9 / (System.nanoTime() - began);
    began = System.nanoTime();
    if (peer.consume(topic, RECORDS) != RECORDS) {
      throw new AssertionError("records are missing");
    }
    double consumed = RECORDS * 1e9 / (System.nanoTime() - began);
    long[] took = peer.send(topic + "-sync", SYNC);
    Arrays.sort(took);
    return new double[] {produced, consumed, took[took.length / 2] / 1e3};
  }

  /** The client of this project. */
  private static final class FlyMQ implements Peer {
    private final FlyMQClient client;

    FlyMQ(String address) {
      client = FlyMQClient.connect(address);
    }

    @Override
    public void createTopic(String topic) {
      client.createTopic(topic, 1);
    }

    @Override
    public void produce(String topic, int records) {
      AtomicReference<Throwable> failure = new AtomicReference<>();
      CompletableFuture<?> last = null;
      try (var producer = client.producer().build()) {
        for (int i = 0; i < records; i++) {
          last = producer.send(topic, VALUE);
        }
        producer.flush();
        last.whenComplete((stored, error) -> failure.set(error)).join();
      }
    }

    @Override
    public int consume(String topic, int records) {
      int seen = 0;
      try (var consumer = client.consumer().build()) {
        consumer.assign(Map.of(new TopicPartition(topic, 0), StartOffset.earliest()));
        while (seen < records) {
          for (var record : consumer.poll(Duration.ofSeconds(5))) {
            seen += record.value().length == VALUE.length ? 1 : 0;
          }
        }
      }
      return seen;
    }

    @Override
    public long[] send(String topic, int records) {
      long[] took = new long[records];
      for (int i = 0; i < records; i++) {
        long began = System.nanoTime();
        client.produce(topic, VALUE);
        took[i] = System.nanoTime() - began;
      }
      return took;
    }
  }

  /** The client of Apache Kafka, with batches as large as ours. */
  private static final class Kafka implements Peer {
    private final Properties properties = new Properties();

    Kafka(String address) {
      properties.put("bootstrap.servers", address);
      properties.put("acks", "all");
      properties.put("batch.size", 128 << 10);
      properties.put("linger.ms", 5);
    }

    private KafkaProducer<byte[], byte[]> producer(int linger) {
      Properties all = new Properties();
      all.putAll(properties);
      all.put("linger.ms", linger);
      return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    @Override
    public void createTopic(String topic) throws Exception {
      try (Admin admin = Admin.create(properties)) {
        NewTopic wanted = new NewTopic(topic, 1, (short) 1);
        if (Boolean.getBoolean("fsync")) {
          wanted.configs(Map.of("flush.messages", "1"));
        }
        admin.createTopics(List.of(wanted)).all().get();
      }
    }

    @Override
    public void produce(String topic, int records) throws Exception {
      Future<?> last = null;
      try (var producer = producer(5)) {
        for (int i = 0; i < records; i++) {
          last = producer.send(new ProducerRecord<>(topic, VALUE));
        }
        producer.flush();
        last.get();
      }
    }

    @Override
    public int consume(String topic, int records) {
      int seen = 0;
      try (var consumer =
          new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
        var partition = new org.apache.kafka.common.TopicPartition(topic, 0);
        consumer.assign(List.of(partition));
        consumer.seekToBeginning(List.of(partition));
        while (seen < records) {
          for (var record : consumer.poll(Duration.ofSeconds(5))) {
            seen += record.value().length == VALUE.length ? 1 : 0;
          }
        }
      }
      return seen;
    }

    @Override
    public long[] send(String topic, int records) throws Exception {
      long[] took = new long[records];
      try (var producer = producer(0)) {
        producer.send(new ProducerRecord<>(topic, VALUE)).get();
        for (int i = 0; i < records; i++) {
          long began = System.nanoTime();
          producer.send(new ProducerRecord<>(topic, VALUE)).get();
          took[i] = System.nanoTime() - began;
        }
      }
      return took;
    }
  }
}
