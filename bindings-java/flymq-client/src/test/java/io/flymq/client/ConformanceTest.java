package io.flymq.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.flymq.client.errors.ErrorCode;
import io.flymq.client.errors.ErrorDetails;
import io.flymq.client.errors.FlyMQException;
import io.flymq.client.errors.GroupException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.msgpack.jackson.dataformat.MessagePackFactory;

/** The vectors that every language is held against. */
class ConformanceTest {
  @Test
  void errorsAreThoseOfTheTable() {
    JsonNode table = Fixtures.conformance("errors.json").get("errors");
    assertEquals(table.size(), ErrorCode.values().length);
    for (JsonNode entry : table) {
      ErrorCode code = ErrorCode.valueOf(entry.get("name").asText());
      assertEquals(entry.get("code").asInt(), code.code());
      assertEquals(entry.get("retriable").asBoolean(), code.isRetriable(), code.name());
      assertEquals(entry.get("hint").asText(), code.hint());
      FlyMQException error = code.exception("why");
      String name = error.getClass().getSimpleName().replace("Exception", "");
      String words = name.replaceAll("(?<=.)(?=[A-Z])", "_").toUpperCase();
      assertTrue(words.endsWith(code.name()), name + " stands for " + code);
      assertEquals(code.code(), error.code());
      assertTrue(error.getMessage().contains("why") && error.getMessage().contains(code.hint()));
    }
    // What a newer broker knows comes as its family.
    ErrorDetails newer = 
        new ErrorDetails(599, "GROUP_ON_FIRE", "why", "join", "extinguish", true, false, false);
    FlyMQException error = assertInstanceOf(GroupException.class, FlyMQException.of(newer));
    assertEquals("GROUP_ON_FIRE", error.name());
    assertTrue(error.isRetriable());
    assertEquals("join: why (GROUP_ON_FIRE 599; extinguish)", error.getMessage());
  }

  @Test
  void keysGoToThePartitionsThatKafkaPutsThemIn(@TempDir Path data) {
    Served.emptyCluster();
    try (Served broker = Served.start(data, 0);
        FlyMQClient client = FlyMQClient.connect(broker.address());
        Producer<byte[], byte[]> producer = client.producer().build()) {
      JsonNode vectors = Fixtures.conformance("partitioner/murmur2.json").get("vectors");
      for (int partitions : new int[] {1, 2, 3, 6, 12, 50}) {
        String topic = "of-" + partitions;
        client.createTopic(topic, partitions);
        for (JsonNode vector : vectors) {
          byte[] key = HexFormat.of().parseHex(vector.get("key").asText());
          int expected = vector.get("partitions").get("" + partitions).asInt();
          producer
              .send(topic, key, null)
              .thenAccept(stored -> assertEquals(expected, stored.partition()))
              .join();
        }
      }
    }
  }

  @Test
  void badInputIsRefused(@TempDir Path data) throws IOException {
    JsonNode scenario = Fixtures.conformance("scenarios/bad_input.json");
    Served.emptyCluster();
    try (Served broker = Served.start(data, 0);
        RawClient client = new RawClient(broker.port())) {
      for (JsonNode step : scenario.get("setup")) {
        assertTrue(!call(client, step).has("code"), step::toString);
      }
      for (JsonNode step : scenario.get("cases")) {
        if (!step.path("engine").asText(Served.ENGINE).equals(Served.ENGINE)) {
          continue;
        }
        JsonNode answer = call(client, step);
        if (step.has("error")) {
          JsonNode error = step.get("error");
          assertEquals(error.get("code"), answer.get("code"), () -> step + " → " + answer);
          assertEquals(error.get("name"), answer.get("name"));
          for (String mention : Fixtures.strings(error.get("mentions"))) {
            assertTrue(answer.get("message").asText().contains(mention), answer::toString);
          }
        } else {
          assertTrue(matches(step.get("response"), answer), () -> step + " → " + answer);
        }
      }
    }
  }

  @SuppressWarnings("unchecked")
  private static JsonNode call(RawClient client, JsonNode step) throws IOException {
    Map<String, Object> request = (Map<String, Object>) RawClient.value(step.get("request"));
    return client.call(step.get("operation").asText(), request);
  }

  /** Whether there is all that is expected. */
  private static boolean matches(JsonNode expected, JsonNode found) {
    if (expected.isObject()) {
      return expected.properties().stream()
          .allMatch(e -> found.has(e.getKey()) && matches(e.getValue(), found.get(e.getKey())));
    }
    if (expected.isArray()) {
      boolean alike = expected.size() == found.size();
      for (int i = 0; alike && i < expected.size(); i++) {
        alike = matches(expected.get(i), found.get(i));
      }
      return alike;
    }
    return expected.isNumber()
        ? found.isNumber() && expected.asLong() == found.asLong()
        : expected.equals(found);
  }

  /** Those that can be in a topic: some have names that no broker takes. */
  @Test
  void sealedRecordsOpen(@TempDir Path data) throws IOException {
    JsonNode document = Fixtures.conformance("encryption/sealed.json");
    Served.emptyCluster();
    try (Served broker = Served.start(data, 0);
        RawClient raw = new RawClient(broker.port())) {
      int opened = 0;
      for (JsonNode vector : document.get("vectors")) {
        if (store(broker, raw, vector)) {
          Keyring keys = keyring(vector);
          try (FlyMQClient client = FlyMQClient.builder().addresses(broker.address()).encryption(keys).connect()) {
            ConsumerRecord<byte[], byte[]> record = last(client, vector);
            JsonNode expected = vector.get("record");
            assertArrayEquals(hex(expected.get("key")), record.key());
            assertArrayEquals(hex(expected.get("value")), record.value());
            assertEquals(headers(expected.get("headers")), record.headers().toList());
          }
          opened++;
        }
      }
      Keyring keys = keyring(document.get("refused_with"));
      for (JsonNode vector : document.get("refused")) {
        if (store(broker, raw, vector)) {
          try (FlyMQClient client = FlyMQClient.builder().addresses(broker.address()).encryption(keys).connect()) {
            FlyMQException error =
                assertThrows(FlyMQException.class, () -> last(client, vector), vector::toString);
            assertEquals(vector.get("error").asText(), error.name(), vector::toString);
          }
          opened++;
        }
      }
      assertTrue(opened > 10, "vectors with a topic that a broker takes: " + opened);
    }
  }

  private static Keyring keyring(JsonNode key) {
    byte[] bytes = HexFormat.of().parseHex(key.get("key").asText());
    return Keyring.of(key.get("key_id").asText(), bytes);
  }

  private static ConsumerRecord<byte[], byte[]> last(FlyMQClient client, JsonNode vector) {
    String topic = vector.get("topic").asText();
    long end = client.admin().latest(new TopicPartition(topic, 0));
    return client.consume(topic, 0, end - 1).orElseThrow();
  }

  private static boolean store(Served broker, RawClient raw, JsonNode vector)
      throws IOException {
    String topic = vector.get("topic").asText();
    if (!topic.matches("[a-zA-Z0-9._-]+")) {
      return false;
    }
    try (FlyMQClient client = FlyMQClient.connect(broker.address())) {
      client.createTopic(topic, 1);
    }
    JsonNode sealed = vector.get("sealed");
    List<Object> headers = new ArrayList<>();
    for (Header header : headers(sealed.get("headers"))) {
      List<Object> pair = new ArrayList<>();
      pair.add(header.name());
      pair.add(header.value());
      headers.add(pair);
    }
    List<Object> record = new ArrayList<>();
    record.add(hex(sealed.get("key")));
    record.add(hex(sealed.get("value")));
    record.add(headers);
    record.add(0);
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    packed.write(new ObjectMapper(new MessagePackFactory()).writeValueAsBytes(record));
    CRC32C crc = new CRC32C();
    crc.update(packed.toByteArray());
    Map<String, Object> batch = new LinkedHashMap<>();
    batch.put("count", 1);
    batch.put("base_timestamp", 1_700_000_000_000L);
    batch.put("crc32c", crc.getValue());
    batch.put("records", packed.toByteArray());
    JsonNode answer =
        raw.call("PRODUCE", Map.of("topic", topic, "partition", 0, "batch", batch));
    assertTrue(answer.has("base_offset"), answer::toString);
    return true;
  }

  private static byte[] hex(JsonNode text) {
    return text.isNull() ? null : HexFormat.of().parseHex(text.asText());
  }

  private static List<Header> headers(JsonNode pairs) {
    List<Header> headers = new ArrayList<>();
    pairs.forEach(pair -> headers.add(new Header(pair.get(0).asText(), hex(pair.get(1)))));
    return headers;
  }
}
