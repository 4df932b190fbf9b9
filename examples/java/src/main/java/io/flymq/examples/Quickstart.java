package io.flymq.examples;

import io.flymq.client.ConsumerRecord;
import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.RecordMetadata;

/** Stores a record and reads it back, with a broker in the same JVM. */
public final class Quickstart {
  public static void main(String[] arguments) {
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClient client = FlyMQClient.connect(broker.address())) {
      client.createTopic("greetings", 3);
      RecordMetadata stored = client.produce("greetings", "en", "hello, world");
      ConsumerRecord<byte[], byte[]> record =
          client.consume("greetings", stored.partition(), stored.offset()).orElseThrow();
      System.out.println(stored.topicPartition() + " has " + new String(record.value()));
    }
  }
}
