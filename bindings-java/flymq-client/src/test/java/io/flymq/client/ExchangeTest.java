package io.flymq.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/** Records cross from Java to other languages and back, encrypted, keyed, with headers, in transactions. */
class ExchangeTest {
  private static final Path FOLDER = Fixtures.ROOT.resolve("conformance/exchange");
  private static final Path RECORDS = FOLDER.resolve("records.txt");
  private static final HexFormat HEX = HexFormat.of();

  @TempDir Path folder;

  @Test
  @EnabledIfSystemProperty(named = "flymq.python", matches = ".+")
  void withPython() throws IOException, InterruptedException {
    exchange(System.getProperty("flymq.python"), FOLDER.resolve("exchange.py").toString());
  }

  @Test
  @EnabledIfSystemProperty(named = "flymq.c.exchange", matches = ".+")
  void withC() throws IOException, InterruptedException {
    exchange(System.getProperty("flymq.c.exchange"));
  }

  private void exchange(String... program) throws IOException, InterruptedException {
    String key = HEX.formatHex(Keyring.generateKey());
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClient client =
            FlyMQClient.builder()
                .addresses(broker.address())
                .encryptionKey(key.toCharArray())
                .encryptHeaders(true)
                .connect()) {
      List<String> lines = Files.readAllLines(RECORDS);
      client.createTopic("theirs", 1);
      run(key, program, "write", broker.address(), "theirs");
      assertEquals(lines, read(client, "theirs"));
      client.createTopic("ours", 1);
      try (Transaction<byte[], byte[]> transaction = client.beginTransaction()) {
        lines.forEach(line -> transaction.send(record("ours", line)));
        transaction.commit();
      }
      assertEquals(lines, run(key, program, "read", broker.address(), "ours"));
    }
  }

  private List<String> run(String key, String[] program, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(program));
    command.addAll(List.of(arguments));
    Path errors = folder.resolve("errors");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectInput(RECORDS.toFile())
            .redirectError(errors.toFile());
    builder.environment().put("FLYMQ_ENCRYPTION_KEY", key);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), Files.readString(errors));
    return output.lines().toList();
  }

  private static List<String> read(FlyMQClient client, String topic) {
    return client.fetch(topic, 0, 0).stream()
        .map(
            record ->
                String.join(
                    " ",
                    hex(record.key()),
                    hex(record.value()),
                    hex(record.headers()),
                    Long.toString(record.timestamp())))
        .toList();
  }

  private static ProducerRecord<byte[], byte[]> record(String topic, String line) {
    String[] columns = line.split(" ");
    ProducerRecord<byte[], byte[]> record =
        ProducerRecord.of(topic, bytes(columns[0]), bytes(columns[1]))
            .withPartition(0)
            .withTimestamp(Instant.ofEpochMilli(Long.parseLong(columns[3])));
    for (String header : columns[2].equals("-") ? new String[0] : columns[2].split(",")) {
      String[] parts = header.split(":");
      record = record.withHeader(Fixtures.text(bytes(parts[0])), bytes(parts[1]));
    }
    return record;
  }

  private static String hex(Headers headers) {
    String all =
        headers.toList().stream()
            .map(header -> hex(Fixtures.bytes(header.name())) + ":" + hex(header.value()))
            .collect(Collectors.joining(","));
    return all.isEmpty() ? "-" : all;
  }

  private static String hex(byte @Nullable [] bytes) {
    return bytes == null ? "-" : "x" + HEX.formatHex(bytes);
  }

  private static byte @Nullable [] bytes(String hex) {
    return hex.equals("-") ? null : HEX.parseHex(hex.substring(1));
  }
}
