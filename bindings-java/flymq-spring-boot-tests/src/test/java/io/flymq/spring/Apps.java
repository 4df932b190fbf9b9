package io.flymq.spring;

import static org.awaitility.Awaitility.await;

import io.flymq.client.ConsumerRecord;
import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.GroupOffset;
import io.flymq.client.TopicPartition;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.StreamSupport;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.context.annotation.ImportCandidates;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** Small applications with FlyMQ, and a broker that they share. */
public final class Apps {
  /** Long enough for whatever happens at all. */
  public static final Duration LONG = Duration.ofSeconds(60);

  private static final AtomicInteger NUMBERS = new AtomicInteger();
  private static final EmbeddedBroker BROKER = EmbeddedBroker.builder().fsync(false).start();
  private static final FlyMQClient CLIENT = FlyMQClient.connect(BROKER.address());

  private Apps() {}

  /** An application with all auto-configurations of FlyMQ, and nothing else. */
  public static ApplicationContextRunner bare() {
    return new ApplicationContextRunner().withConfiguration(AutoConfigurations.of(ours()));
  }

  private static Class<?>[] ours() {
    return StreamSupport.stream(
            ImportCandidates.load(AutoConfiguration.class, Apps.class.getClassLoader())
                .spliterator(),
            false)
        .filter(name -> name.startsWith("io.flymq."))
        .map(Apps::load)
        .toArray(Class<?>[]::new);
  }

  /** A class that only some versions of Spring Boot have. */
  public static Class<?> load(String name) {
    try {
      return Class.forName(name);
    } catch (ClassNotFoundException error) {
      throw new IllegalStateException(error);
    }
  }

  /** An application that uses the shared broker, with short pauses. */
  public static ApplicationContextRunner app() {
    return bare()
        .withPropertyValues(
            "flymq.bootstrap-servers=" + BROKER.address(),
            "flymq.listener.retry.initial-interval=5ms",
            "flymq.listener.recovery-interval=100ms");
  }

  public static EmbeddedBroker broker() {
    return BROKER;
  }

  public static FlyMQClient client() {
    return CLIENT;
  }

  /** A name that no other test uses. */
  public static String unique(String name) {
    return name + "-" + NUMBERS.incrementAndGet();
  }

  /** A new topic that no other test uses. */
  public static String topic(int partitions) {
    String topic = unique("topic");
    CLIENT.createTopic(topic, partitions);
    return topic;
  }

  public static void until(Callable<Boolean> reached) {
    await().atMost(LONG).pollInterval(Duration.ofMillis(5)).until(reached);
  }

  /** All values of partition 0. */
  public static List<String> values(String topic) {
    return records(topic).stream().map(record -> text(record.value())).toList();
  }

  /** All records of partition 0. */
  public static List<ConsumerRecord<byte[], byte[]>> records(String topic) {
    List<ConsumerRecord<byte[], byte[]>> all = new ArrayList<>();
    long next = 0;
    while (true) {
      var some = CLIENT.fetch(topic, 0, next).toList();
      if (some.isEmpty()) {
        return all;
      }
      all.addAll(some);
      next = some.get(some.size() - 1).offset() + 1;
    }
  }

  /** What a group has processed of partition 0; −1 for nothing. */
  public static long committed(String group, String topic) {
    Map<TopicPartition, GroupOffset> offsets = CLIENT.admin().groupOffsets(group);
    GroupOffset offset = offsets.get(new TopicPartition(topic, 0));
    return offset == null ? -1 : offset.offset();
  }

  public static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
