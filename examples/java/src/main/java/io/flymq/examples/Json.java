package io.flymq.examples;

import io.flymq.client.Consumer;
import io.flymq.client.ConsumerRecord;
import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.Producer;
import io.flymq.client.StartOffset;
import io.flymq.client.TopicPartition;
import io.flymq.client.serde.Serde;
import io.flymq.client.serde.Serdes;
import java.time.Duration;
import java.util.Map;

/** Values of a type of one's own, as JSON. */
public final class Json {
  /** An order. */
  public record Order(int id, String what, int amount) {}

  public static void main(String[] arguments) {
    Serde<Order> orders = Serdes.json(Order.class);
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClient client = FlyMQClient.connect(broker.address())) {
      client.createTopic("orders", 1);
      try (Producer<String, Order> producer = client.producer(Serdes.string(), orders).build()) {
        producer.send("orders", "ada", new Order(1, "apples", 2));
        producer.send("orders", "bob", new Order(2, "pears", 3));
      }
      try (Consumer<String, Order> consumer = client.consumer(Serdes.string(), orders).build()) {
        consumer.assign(Map.of(new TopicPartition("orders", 0), StartOffset.earliest()));
        int left = 2;
        while (left > 0) {
          for (ConsumerRecord<String, Order> record : consumer.poll(Duration.ofSeconds(1))) {
            System.out.println(record.key() + " wants " + record.value());
            left--;
          }
        }
      }
    }
  }
}
