package io.flymq.client;

import static io.flymq.client.Fixtures.bytes;
import static io.flymq.client.Fixtures.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** Records cross from Python to Java and back: encrypted, keyed, with headers. */
@EnabledIfSystemProperty(named = "flymq.python", matches = ".+")
class PythonTest {
  private static final String PRODUCE =
      """
      import sys, flymq
      address, key = sys.argv[1:]
      with flymq.FlyMQClient(address, encryption_key=key, encrypt_headers=True) as client:
          client.produce("from-python", "grün", key="schlüssel", headers=[("h", b"1"), ("h", None)])
          with client.transaction() as transaction:
              transaction.produce("from-python", None, key="gone", timestamp=1234)
      """;
  private static final String CONSUME =
      """
      import sys, flymq
      address, key = sys.argv[1:]
      with flymq.FlyMQClient(address, encryption_key=key) as client:
          for m in client.fetch("from-java", 0):
              print(m.key.decode(), m.value and m.value.decode(), m.headers, m.timestamp)
      """;

  private static String python(String program, String... arguments)
      throws IOException, InterruptedException {
    List<String> command =
        new java.util.ArrayList<>(List.of(System.getProperty("flymq.python"), "-c", program));
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    return output;
  }

  @Test
  void recordsCrossInBothDirections() throws IOException, InterruptedException {
    String key = SecurityTest.hex(Keyring.generateKey());
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClient client =
            FlyMQClient.builder()
                .addresses(broker.address())
                .encryptionKey(key.toCharArray())
                .encryptHeaders(true)
                .connect()) {
      client.createTopic("from-python", 1);
      client.createTopic("from-java", 1);
      python(PRODUCE, broker.address(), key);
      List<ConsumerRecord<byte[], byte[]>> records =
          client.fetch("from-python", 0, 0).toList();
      assertEquals("schlüssel", text(records.get(0).key()));
      assertEquals("grün", text(records.get(0).value()));
      assertEquals(
          List.of(new Header("h", "1"), new Header("h", (byte[]) null)),
          records.get(0).headers().toList());
      assertEquals("gone", text(records.get(1).key()));
      assertNull(records.get(1).value());
      assertEquals(1234, records.get(1).timestamp());

      client.produce(
          ProducerRecord.of("from-java", bytes("schlüssel"), bytes("grün"))
              .withHeader("h", "1")
              .withHeader("h", (byte[]) null)
              .withTimestamp(java.time.Instant.ofEpochMilli(1234)));
      try (Transaction<byte[], byte[]> transaction = client.beginTransaction()) {
        transaction.send("from-java", bytes("gone"), null);
        transaction.commit();
      }
      List<String> lines =
          python(CONSUME, broker.address(), key).lines().toList();
      assertEquals("schlüssel grün (('h', b'1'), ('h', None)) 1234", lines.get(0));
      assertEquals("gone None ()", lines.get(1).substring(0, 12));
    }
  }
}
