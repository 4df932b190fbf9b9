import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Apache's own client, for test_kafka_clients.py: a command a line of standard input, with tabs between its
 * words; lines of an answer, and a line "." behind them. Bytes are hex, "-" is what is not there.
 */
public final class KafkaClient {
  private final String cluster;

  private KafkaClient(String cluster) {
    this.cluster = cluster;
  }

  public static void main(String[] arguments) throws Exception {
    KafkaClient client = new KafkaClient(arguments[0]);
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    String command;
    while ((command = commands.readLine()) != null) {
      client.obey(command.split("\t")).forEach(System.out::println);
      System.out.println(".");
    }
  }

  private List<String> obey(String[] words) throws Exception {
    String topic = words[1];
    switch (words[0]) {
      case "write":
        return write(topic, Integer.parseInt(words[2]), words[3]);
      case "read":
        return read(topic, Integer.parseInt(words[2]), words[3]);
      case "transactions":
        return transactions(topic);
      case "commit":
        return commit(topic, words[2], Long.parseLong(words[3]));
      case "committed":
        return committed(topic, words[2]);
      case "consume":
        return consume(topic, words[2], Integer.parseInt(words[3]));
      default:
        throw new IllegalArgumentException(words[0]);
    }
  }

  private Map<String, Object> options(Map<String, Object> more) {
    Map<String, Object> options = new HashMap<>(more);
    options.put("bootstrap.servers", cluster);
    return options;
  }

  private KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
    return new KafkaProducer<>(options(more), new ByteArraySerializer(), new ByteArraySerializer());
  }

  private KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> more) {
    Map<String, Object> options = options(more);
    options.put("enable.auto.commit", false);
    options.put("auto.offset.reset", "earliest");
    return new KafkaConsumer<>(options, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  /** Records key-0, key-1 and so on, every third without a value. The client chooses partitions. */
  private List<String> write(String topic, int count, String compression) throws Exception {
    List<String> stored = new ArrayList<>();
    try (KafkaProducer<byte[], byte[]> producer =
        producer(Map.of("compression.type", compression, "linger.ms", 20))) {
      List<java.util.concurrent.Future<org.apache.kafka.clients.producer.RecordMetadata>> sent =
          new ArrayList<>();
      for (int i = 0; i < count; i++) {
        byte[] value = i % 3 == 0 ? null : ("value-" + i).repeat(20).getBytes();
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(
                topic, null, 1_700_000_000_000L + i, ("key-" + i).getBytes(), value);
        record.headers().add("name", "value".getBytes()).add("name", new byte[0]).add("none", null);
        sent.add(producer.send(record));
      }
      for (var one : sent) {
        stored.add(one.get().partition() + "\t" + one.get().offset());
      }
    }
    return stored;
  }

  private static String hex(byte[] bytes) {
    return bytes == null ? "-" : "x" + HexFormat.of().formatHex(bytes);
  }

  private static String line(ConsumerRecord<byte[], byte[]> record) {
    String headers =
        StreamSupport.stream(record.headers().spliterator(), false)
            .map((Header header) -> header.key() + "=" + hex(header.value()))
            .collect(Collectors.joining(","));
    return String.join(
        "\t",
        "" + record.partition(),
        "" + record.offset(),
        "" + record.timestamp(),
        hex(record.key()),
        hex(record.value()),
        headers);
  }

  /** So many records from the beginning of all partitions. */
  private List<String> read(String topic, int count, String isolation) {
    List<String> lines = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("isolation.level", isolation))) {
      List<TopicPartition> all =
          consumer.partitionsFor(topic).stream()
              .map(info -> new TopicPartition(topic, info.partition()))
              .toList();
      consumer.assign(all);
      consumer.seekToBeginning(all);
      take(consumer, count, lines);
    }
    return lines;
  }

  private static void take(
      KafkaConsumer<byte[], byte[]> consumer, int count, List<String> lines) {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (lines.size() < count && System.nanoTime() < deadline) {
      consumer.poll(Duration.ofMillis(200)).forEach(record -> lines.add(line(record)));
    }
  }

  /** One that is aborted, then one that is committed, both in partition 0. */
  private List<String> transactions(String topic) {
    try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("transactional.id", topic))) {
      producer.initTransactions();
      for (String value : List.of("gone", "there")) {
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(topic, 0, null, value.getBytes()));
        producer.flush();
        if (value.equals("gone")) {
          producer.abortTransaction();
        } else {
          producer.commitTransaction();
        }
      }
    }
    return List.of();
  }

  private List<String> commit(String topic, String group, long next) {
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("group.id", group))) {
      TopicPartition partition = new TopicPartition(topic, 0);
      consumer.assign(List.of(partition));
      consumer.commitSync(Map.of(partition, new OffsetAndMetadata(next)));
    }
    return List.of();
  }

  /** Where a group goes on in partition 0. */
  private List<String> committed(String topic, String group) {
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("group.id", group))) {
      TopicPartition partition = new TopicPartition(topic, 0);
      OffsetAndMetadata found = consumer.committed(java.util.Set.of(partition)).get(partition);
      return List.of(found == null ? "-" : "" + found.offset());
    }
  }

  /** So many records as a member of a group, of Kafka's newer protocol; then commits. */
  private List<String> consume(String topic, String group, int count) {
    List<String> lines = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> consumer =
        consumer(Map.of("group.id", group, "group.protocol", "consumer"))) {
      consumer.subscribe(List.of(topic));
      take(consumer, count, lines);
      consumer.commitSync();
    }
    return lines;
  }
}
