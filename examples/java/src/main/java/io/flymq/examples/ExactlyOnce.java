package io.flymq.examples;

import io.flymq.client.Consumer;
import io.flymq.client.ConsumerRecord;
import io.flymq.client.ConsumerRecords;
import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.Transaction;
import io.flymq.client.TransactionalProducer;
import io.flymq.client.errors.FlyMQException;
import io.flymq.client.serde.Serdes;
import java.time.Duration;
import java.util.Locale;

/** Consumes, transforms and produces: each record has its effect exactly once, whatever fails. */
public final class ExactlyOnce {
  public static void main(String[] arguments) {
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClient client = FlyMQClient.connect(broker.address())) {
      client.createTopic("raw", 2);
      client.createTopic("cooked", 2);
      for (int i = 0; i < 100; i++) {
        client.produce("raw", "key " + i, "value " + i);
      }
      int cooked = 0;
      try (Consumer<String, String> consumer =
              client
                  .consumer(Serdes.string(), Serdes.string())
                  .group("kitchen")
                  .autoCommit(false)
                  .build();
          TransactionalProducer<String, String> producer =
              client.transactionalProducer("cook-1", Serdes.string(), Serdes.string()).build()) {
        consumer.subscribe("raw");
        while (cooked < 100) {
          ConsumerRecords<String, String> records = consumer.poll(Duration.ofSeconds(1));
          if (records.isEmpty()) {
            continue;
          }
          try (Transaction<String, String> transaction = producer.begin()) {
            for (ConsumerRecord<String, String> record : records) {
              transaction.send("cooked", record.key(), record.value().toUpperCase(Locale.ROOT));
            }
            transaction.sendOffsets(consumer);
            transaction.commit();
            cooked += records.count();
          } catch (FlyMQException error) {
            if (!error.isAbortable()) {
              throw error;
            }
            // Nothing came of it: once more from what is committed.
            consumer.rewind();
          }
        }
      }
      System.out.println("cooked " + cooked);
    }
  }
}
