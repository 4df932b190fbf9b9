package io.flymq.bench;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.kafka.autoconfigure.KafkaAutoConfiguration;
import org.springframework.kafka.annotation.KafkaListener;

/** The client of Apache Kafka, with batches as large as FlyMQ's, which is faster than its defaults. */
final class KafkaPeer implements Peer {
  private final String address;
  private final boolean fsync;

  KafkaPeer(String address, boolean fsync) {
    this.address = address;
    this.fsync = fsync;
  }

  @Override
  public String name() {
    return "kafka";
  }

  @Override
  public void createTopic(String topic) throws Exception {
    Map<String, Object> properties = Map.of("bootstrap.servers", address);
    try (Admin admin = Admin.create(properties)) {
      NewTopic wanted = new NewTopic(topic, 1, (short) 1);
      if (fsync) {
        wanted.configs(Map.of("flush.messages", "1"));
      }
      admin.createTopics(List.of(wanted)).all().get();
    }
  }

  @Override
  public void deleteTopic(String topic) throws Exception {
    Map<String, Object> properties = Map.of("bootstrap.servers", address);
    try (Admin admin = Admin.create(properties)) {
      admin.deleteTopics(List.of(topic)).all().get();
    }
  }

  private KafkaProducer<byte[], byte[]> producer(int linger) {
    return producer(linger, new HashMap<>());
  }

  private KafkaProducer<byte[], byte[]> producer(int linger, Map<String, Object> properties) {
    properties.put("bootstrap.servers", address);
    properties.put("acks", "all");
    properties.put("batch.size", 128 << 10);
    properties.put("linger.ms", linger);
    return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
  }

  @Override
  public void produce(String topic, List<byte[]> values) throws Exception {
    Future<RecordMetadata> last = null;
    try (var producer = producer(5)) {
      for (byte[] value : values) {
        last = producer.send(new ProducerRecord<>(topic, value));
      }
      producer.flush();
    }
    // Others may have written meanwhile.
    if (last.get().offset() < values.size() - 1) {
      throw new AssertionError("records are missing");
    }
  }

  @Override
  public long consume(String topic, int records) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", address);
    // Closing waits for a fetch at the end of the log, by default for half a second.
    properties.put("fetch.max.wait.ms", "1");
    long check = 0;
    int seen = 0;
    try (var consumer =
        new KafkaConsumer<>(
            properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      TopicPartition partition = new TopicPartition(topic, 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      while (seen < records) {
        for (var record : consumer.poll(Duration.ofSeconds(5))) {
          check += Values.check(record.value());
          seen++;
        }
      }
    }
    return check;
  }

  @Override
  public long[] send(String topic, List<byte[]> values) throws Exception {
    long[] took = new long[values.size()];
    try (var producer = producer(0)) {
      producer.partitionsFor(topic);
      for (int i = 0; i < took.length; i++) {
        long began = System.nanoTime();
        producer.send(new ProducerRecord<>(topic, values.get(i))).get();
        took[i] = System.nanoTime() - began;
      }
    }
    return took;
  }

  @Override
  public void transactions(String topic, List<byte[]> values, int records) {
    Map<String, Object> properties = new HashMap<>(Map.of("transactional.id", topic));
    try (var producer = producer(5, properties)) {
      producer.initTransactions();
      for (int from = 0; from < values.size(); from += records) {
        producer.beginTransaction();
        for (byte[] value : values.subList(from, Math.min(values.size(), from + records))) {
          producer.send(new ProducerRecord<>(topic, value));
        }
        producer.commitTransaction();
      }
    }
  }

  @Override
  public Handled listen(String topic, int records) throws Exception {
    return Listening.run(
        Application.class,
        topic,
        records,
        "spring.kafka.bootstrap-servers=" + address,
        "spring.kafka.consumer.auto-offset-reset=earliest");
  }

  @ImportAutoConfiguration(KafkaAutoConfiguration.class)
  static class Application extends Listening {
    @KafkaListener(topics = "${topic}", groupId = "${topic}")
    void handle(String value) {
      handled(value);
    }
  }
}
