package io.flymq.examples;

import io.flymq.client.Compression;
import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.Producer;
import io.flymq.client.ProducerRecord;
import io.flymq.client.RecordMetadata;
import io.flymq.client.serde.Serdes;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

/** Three ways to send many records: as one batch, as futures, and through a producer. */
public final class Batches {
  public static void main(String[] arguments) {
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClient client = FlyMQClient.connect(broker.address())) {
      client.createTopic("readings", 3);
      List<ProducerRecord<byte[], byte[]>> records =
          IntStream.range(0, 1000)
              .mapToObj(i -> ProducerRecord.of("readings", ("k" + i).getBytes(), new byte[100]))
              .toList();
      System.out.println("stored at once: " + client.produceBatch(records).size());

      List<CompletableFuture<RecordMetadata>> futures =
          records.stream().map(client::produceAsync).toList();
      CompletableFuture.allOf(futures.toArray(CompletableFuture[]::new)).join();
      System.out.println("stored as futures: " + futures.size());

      try (Producer<String, String> producer =
          client
              .producer(Serdes.string(), Serdes.string())
              .compression(Compression.LZ4)
              .build()) {
        for (int i = 0; i < 10_000; i++) {
          // Waits only while as many records are unconfirmed as the producer takes.
          producer.send("readings", "sensor-" + i % 7, "21.5");
        }
        producer.flush();
      }
      System.out.println("stored in all: " + client.metrics().sentRecords());
    }
  }
}
