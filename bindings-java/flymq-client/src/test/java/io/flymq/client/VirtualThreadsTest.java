package io.flymq.client;

import static io.flymq.client.Fixtures.LONG;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.flymq.client.serde.Serdes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Virtual threads that wait give their carrier to others. Needs a JDK that has them. */
class VirtualThreadsTest {
  /** With one carrier, each of the two sides would wait for ever if the other one kept it. */
  static final class ManyThreadsProgram {
    public static void main(String[] arguments) throws Exception {
      try (EmbeddedBroker broker = EmbeddedBroker.builder().fsync(false).start();
          FlyMQClient client = FlyMQClient.connect(broker.address())) {
        client.createTopic("events", 200);
        // By name, since the tests are compiled for a JDK without.
        ExecutorService threads =
            (ExecutorService)
                Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
        List<Future<String>> read = new ArrayList<>();
        for (int p = 0; p < 100; p++) {
          int partition = p;
          read.add(threads.submit(() -> poll(client, partition)));
          read.add(
              threads.submit(
                  () ->
                      client
                          .fetch("events", 100 + partition, 0, FetchOptions.defaults().withMaxWait(LONG))
                          .toList()
                          .toString()));
        }
        List<Future<?>> written = new ArrayList<>();
        Producer<String, String> producer =
            client.producer(Serdes.string(), Serdes.string()).maxUnconfirmed(1).build();
        for (int p = 0; p < 200; p++) {
          ProducerRecord<String, String> record =
              ProducerRecord.<String, String>of("events", "event").withPartition(p);
          written.add(threads.submit(() -> producer.send(record).join()));
        }
        for (Future<?> one : written) {
          one.get();
        }
        for (Future<?> one : read) {
          one.get();
        }
        producer.close();
        System.out.println("all done");
      }
    }

    private static String poll(FlyMQClient client, int partition) {
      try (Consumer<String, String> consumer =
          client.consumer(Serdes.string(), Serdes.string()).build()) {
        consumer.assign(List.of(new TopicPartition("events", partition)));
        while (true) {
          for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
            return record.value();
          }
        }
      }
    }
  }

  @Test
  void waitingHoldsNoCarrier() throws Exception {
    assumeTrue(Runtime.version().feature() >= 21, "this JDK has no virtual threads");
    List<String> options =
        List.of(
            "-Djdk.virtualThreadScheduler.parallelism=1",
            "-Djdk.virtualThreadScheduler.maxPoolSize=1");
    assertTrue(Programs.run(options, ManyThreadsProgram.class).contains("all done"));
  }
}
