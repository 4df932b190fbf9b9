package io.flymq.client;

import static io.flymq.client.Fixtures.LONG;
import static io.flymq.client.Fixtures.byPartition;
import static io.flymq.client.Fixtures.bytes;
import static io.flymq.client.Fixtures.strings;
import static io.flymq.client.Fixtures.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import io.flymq.client.errors.FlyMQException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The scenarios of {@code conformance/groups} and {@code conformance/transactions}. */
class ScenariosTest {
  private static final Duration MOMENT = Duration.ofMillis(50);

  @TempDir Path data;
  private Served broker;
  private FlyMQClient client;
  private final Map<String, Consumer<byte[], byte[]>> consumers = new HashMap<>();
  private final Map<String, TransactionalProducer<byte[], byte[]>> producers = new HashMap<>();
  private final Map<String, Transaction<byte[], byte[]>> transactions = new HashMap<>();

  static Stream<Arguments> scenarios() {
    return Stream.of("groups", "transactions")
        .map(folder -> Fixtures.conformance(folder + "/scenarios.json"))
        .flatMap(all -> StreamSupport.stream(all.spliterator(), false))
        .filter(scenario -> scenario.path("engine").asText(Served.ENGINE).equals(Served.ENGINE))
        .map(scenario -> Arguments.of(scenario.get("name").asText(), scenario));
  }

  @AfterEach
  void close() {
    consumers.values().forEach(Consumer::abandon);
    producers.values().forEach(TransactionalProducer::close);
    client.close();
    broker.close();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("scenarios")
  void scenario(String name, JsonNode scenario) {
    Served.emptyCluster();
    broker = Served.start(data, 0);
    client = FlyMQClient.connect(broker.address());
    scenario
        .get("topics")
        .properties()
        .forEach(topic -> client.createTopic(topic.getKey(), topic.getValue().asInt()));
    for (JsonNode step : scenario.get("steps")) {
      if (step.has("error")) {
        FlyMQException error =
            assertThrows(FlyMQException.class, () -> perform(step), step::toString);
        assertEquals(step.get("error").asText(), error.name(), step::toString);
      } else {
        perform(step);
      }
    }
  }

  private void perform(JsonNode step) {
    String topic = step.path("topic").asText();
    int partition = step.path("partition").asInt();
    String group = step.path("group").asText();
    String consumer = step.path("consumer").asText();
    String producer = step.path("producer").asText();
    switch (step.get("do").asText()) {
      case "produce" ->
          strings(step.get("values"))
              .forEach(
                  value ->
                      client.produce(
                          ProducerRecord.<byte[], byte[]>of(topic, bytes(value))
                              .withPartition(partition)));
      case "read" -> {
        Isolation isolation = Isolation.valueOf(step.get("isolation").asText().toUpperCase());
        assertEquals(
            strings(step.get("values")), Fixtures.read(client, topic, partition, isolation));
      }
      case "create_topic" -> client.createTopic(topic, step.get("partitions").asInt());
      case "add_partitions" -> client.admin().addPartitions(topic, step.get("partitions").asInt());
      case "restart_broker" -> {
        broker.close();
        broker = Served.start(data, broker.port());
      }
      case "join" -> join(step);
      case "assigned" -> assigned(step.get("consumers"));
      case "shared" -> shared(step);
      case "poll" -> poll(step);
      case "position" -> position(step);
      case "seek" ->
          consumers
              .get(consumer)
              .seek(new TopicPartition(topic, partition), step.get("offset").asLong());
      case "commit" -> {
        if (step.has("consumer")) {
          consumers.get(consumer).commit();
        } else {
          transactions.get(producer).commit();
        }
      }
      case "rewind" -> consumers.get(consumer).rewind();
      case "committed" -> {
        Map<TopicPartition, Long> offsets = new HashMap<>();
        client.admin().groupOffsets(group).forEach((p, offset) -> offsets.put(p, offset.offset()));
        assertEquals(byPartition(step.get("offsets")), offsets);
      }
      case "reset" ->
          client
              .admin()
              .resetGroupOffsets(
                  group,
                  topic,
                  step.get("to").asText().equals("latest")
                      ? StartOffset.latest()
                      : StartOffset.earliest());
      case "delete_group" -> client.admin().deleteGroup(group);
      case "open" ->
          producers.put(
              producer,
              client.transactionalProducer(step.get("transactional_id").asText()).build());
      case "begin" -> transactions.put(producer, producers.get(producer).begin());
      case "abort" -> transactions.get(producer).abort();
      case "send" -> {
        for (String value : strings(step.get("values"))) {
          ProducerRecord<byte[], byte[]> record =
              ProducerRecord.<byte[], byte[]>of(topic, bytes(value)).withPartition(partition);
          await(transactions.get(producer).send(record));
        }
      }
      case "send_offsets" -> transactions.get(producer).sendOffsets(consumers.get(consumer));
      case "close" -> {
        if (step.has("consumer")) {
          consumers.remove(consumer).close();
        } else {
          producers.remove(producer).close();
        }
      }
      default -> fail("unknown step " + step);
    }
  }

  private static void await(CompletableFuture<RecordMetadata> stored) {
    try {
      stored.join();
    } catch (CompletionException error) {
      throw (FlyMQException) error.getCause();
    }
  }

  private void join(JsonNode step) {
    ConsumerBuilder<byte[], byte[]> builder =
        client
            .consumer()
            .group(step.get("group").asText())
            .autoCommit(step.path("auto_commit").asBoolean());
    for (String option : List.of("auto_offset_reset", "assignor", "instance_id")) {
      if (step.has(option)) {
        builder.option(option, step.get(option).asText());
      }
    }
    Consumer<byte[], byte[]> consumer = builder.build();
    consumers.put(step.get("consumer").asText(), consumer);
    if (step.has("pattern")) {
      consumer.subscribePattern(step.get("pattern").asText());
    } else {
      consumer.subscribe(strings(step.get("topics")));
    }
  }

  private void assigned(JsonNode wanted) {
    Map<String, Set<TopicPartition>> expected = new TreeMap<>();
    wanted
        .properties()
        .forEach(
            entry -> {
              Set<TopicPartition> partitions = new HashSet<>();
              entry
                  .getValue()
                  .properties()
                  .forEach(
                      topic ->
                          topic
                              .getValue()
                              .forEach(
                                  p ->
                                      partitions.add(
                                          new TopicPartition(topic.getKey(), p.asInt()))));
              expected.put(entry.getKey(), partitions);
            });
    Fixtures.until(
        "partitions are assigned as in " + expected,
        () -> {
          Map<String, Set<TopicPartition>> found = new TreeMap<>();
          expected.keySet().forEach(name -> found.put(name, polled(name).assignment()));
          return found.equals(expected);
        });
  }

  /** The consumer, after a poll that returned nothing: records would be lost to the scenario. */
  private Consumer<byte[], byte[]> polled(String name) {
    Consumer<byte[], byte[]> consumer = consumers.get(name);
    assertEquals(0, consumer.poll(MOMENT).count());
    return consumer;
  }

  private void shared(JsonNode step) {
    String topic = step.get("topic").asText();
    int partitions = step.get("partitions").asInt();
    List<Integer> each = new ArrayList<>();
    step.get("each").forEach(count -> each.add(count.asInt()));
    Fixtures.until(
        "the partitions are shared",
        () -> {
          List<Integer> counts = new ArrayList<>();
          Set<TopicPartition> all = new HashSet<>();
          for (String name : strings(step.get("consumers"))) {
            Set<TopicPartition> held = polled(name).assignment();
            held.removeIf(partition -> !partition.topic().equals(topic));
            counts.add(held.size());
            all.addAll(held);
          }
          counts.sort(null);
          return all.size() == partitions && counts.equals(each);
        });
  }

  private void poll(JsonNode step) {
    Consumer<byte[], byte[]> consumer = consumers.get(step.get("consumer").asText());
    if (step.has("error")) {
      Fixtures.until("polling fails", () -> consumer.poll(MOMENT) == null);
      return;
    }
    List<String> wanted = strings(step.get("values"));
    List<String> values = new ArrayList<>();
    while (values.size() < wanted.size()) {
      int most = step.path("max_records").asInt(500);
      consumer.poll(LONG, most).forEach(record -> values.add(text(record.value())));
    }
    values.sort(null);
    assertEquals(wanted, values);
  }

  private void position(JsonNode step) {
    Consumer<byte[], byte[]> consumer = consumers.get(step.get("consumer").asText());
    TopicPartition partition =
        new TopicPartition(step.get("topic").asText(), step.get("partition").asInt());
    Fixtures.until(
        "the position is reached",
        () -> {
          consumer.poll(MOMENT);
          return consumer.position(partition) == step.get("offset").asLong();
        });
  }

}
