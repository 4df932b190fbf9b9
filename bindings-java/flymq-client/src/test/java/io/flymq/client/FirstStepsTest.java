package io.flymq.client;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.flymq.client.serde.Serdes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class FirstStepsTest {
  @Test
  void recordsComeBackAsTheyWereSent() {
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClient client = FlyMQClient.connect(broker.address())) {
      assertTrue(client.createTopic("greetings", 3));
      RecordMetadata stored = client.produce("greetings", "en", "hello, world");
      ConsumerRecord<byte[], byte[]> record =
          client.consume("greetings", stored.partition(), stored.offset()).orElseThrow();
      assertEquals("hello, world", new String(record.value(), UTF_8));
      assertEquals("en", new String(record.key(), UTF_8));
      assertEquals(stored.timestamp(), record.timestamp());

      try (Producer<String, String> producer =
              client.producer(Serdes.string(), Serdes.string()).build();
          Consumer<String, String> consumer =
              client.consumer(Serdes.string(), Serdes.string()).group("g").build()) {
        List<CompletableFuture<RecordMetadata>> sent = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
          sent.add(producer.send("greetings", "k" + i, "v" + i));
        }
        producer.flush();
        sent.forEach(CompletableFuture::join);
        consumer.subscribe("greetings");
        List<String> values = new ArrayList<>();
        while (values.size() < 1001) {
          for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofSeconds(5))) {
            values.add(r.value());
          }
        }
        consumer.commit();
      }
      assertNull(null);
    }
  }
}
