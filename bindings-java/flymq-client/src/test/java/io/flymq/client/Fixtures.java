package io.flymq.client;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** What several tests use. */
final class Fixtures {
  static final Path ROOT = Path.of(System.getProperty("flymq.root")).toAbsolutePath().normalize();
  /** Long enough for whatever happens at all. */
  static final Duration LONG = Duration.ofSeconds(60);

  private Fixtures() {}

  static JsonNode conformance(String file) {
    try {
      return new ObjectMapper().readTree(ROOT.resolve("conformance").resolve(file).toFile());
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  static @Nullable String text(byte @Nullable [] bytes) {
    return bytes == null ? null : new String(bytes, UTF_8);
  }

  static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  static List<String> strings(JsonNode array) {
    List<String> strings = new ArrayList<>();
    array.forEach(node -> strings.add(node.asText()));
    return strings;
  }

  /** Topic → partition → number, of an object of objects. */
  static Map<TopicPartition, Long> byPartition(JsonNode topics) {
    Map<TopicPartition, Long> numbers = new HashMap<>();
    topics
        .properties()
        .forEach(
            topic ->
                topic
                    .getValue()
                    .properties()
                    .forEach(
                        entry ->
                            numbers.put(
                                new TopicPartition(
                                    topic.getKey(), Integer.parseInt(entry.getKey())),
                                entry.getValue().asLong())));
    return numbers;
  }

  /** Tries again until it is so. */
  static void until(String what, BooleanSupplier reached) {
    long deadline = System.nanoTime() + LONG.toNanos();
    while (!reached.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("waited too long until " + what);
      }
      Thread.onSpinWait();
    }
  }

  /** All values of a topic's partition from the beginning on. */
  static List<String> read(FlyMQClient client, String topic, int partition, Isolation isolation) {
    FetchOptions options = FetchOptions.defaults().withIsolation(isolation);
    List<String> values = new ArrayList<>();
    long next = 0;
    while (true) {
      List<ConsumerRecord<byte[], byte[]>> records =
          client.fetch(topic, partition, next, options).toList();
      if (records.isEmpty()) {
        return values;
      }
      records.forEach(record -> values.add(text(record.value())));
      next = records.get(records.size() - 1).offset() + 1;
    }
  }
}
