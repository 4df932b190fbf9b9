package io.flymq.examples;

import io.flymq.client.Consumer;
import io.flymq.client.ConsumerRecord;
import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.ProducerRecord;
import io.flymq.client.RebalanceListener;
import io.flymq.client.TopicPartition;
import io.flymq.client.serde.Serdes;
import java.time.Duration;
import java.util.Collection;

/** Two members of a group share a topic's partitions; what is committed is not read again. */
public final class ConsumerGroup {
  public static void main(String[] arguments) {
    RebalanceListener listener =
        new RebalanceListener() {
          @Override
          public void onAssigned(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
            System.out.println("assigned " + partitions);
          }
        };
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClient client = FlyMQClient.connect(broker.address())) {
      client.createTopic("orders", 4);
      for (int i = 0; i < 100; i++) {
        client.produceAsync(
            ProducerRecord.of("orders", ("customer-" + i).getBytes(), null));
      }
      try (Consumer<String, String> one = member(client, listener);
          Consumer<String, String> other = member(client, listener)) {
        int seen = 0;
        while (seen < 100) {
          seen += process(one) + process(other);
        }
        System.out.println("processed " + seen);
        one.commit();
        other.commit();
      }
      long lag =
          client.admin().groupLag("billing").stream()
              .mapToLong(partition -> partition.lag() == null ? 0 : partition.lag())
              .sum();
      System.out.println("left to do: " + lag);
    }
  }

  private static Consumer<String, String> member(FlyMQClient client, RebalanceListener listener) {
    Consumer<String, String> consumer =
        client
            .consumer(Serdes.string(), Serdes.string())
            .group("billing")
            .autoCommit(false)
            .rebalanceListener(listener)
            .build();
    consumer.subscribe("orders");
    return consumer;
  }

  private static int process(Consumer<String, String> consumer) {
    int count = 0;
    for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
      count += record.key() == null ? 0 : 1;
    }
    return count;
  }
}
