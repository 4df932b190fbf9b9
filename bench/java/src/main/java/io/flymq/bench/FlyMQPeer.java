package io.flymq.bench;

import io.flymq.client.FlyMQClient;
import io.flymq.client.RecordMetadata;
import io.flymq.client.StartOffset;
import io.flymq.client.TopicPartition;
import io.flymq.spring.boot.FlyMQAutoConfiguration;
import io.flymq.spring.boot.FlyMQListenerAutoConfiguration;
import io.flymq.spring.listener.FlyMQListener;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;

/** The client of this project, at its defaults. */
final class FlyMQPeer implements Peer {
  private final String address;
  private final FlyMQClient client;

  FlyMQPeer(String address) {
    this.address = address;
    this.client = FlyMQClient.connect(address);
  }

  @Override
  public String name() {
    return "flymq";
  }

  @Override
  public void createTopic(String topic) {
    client.createTopic(topic, 1);
  }

  @Override
  public void deleteTopic(String topic) {
    client.admin().deleteTopic(topic);
  }

  @Override
  public void produce(String topic, List<byte[]> values) {
    CompletableFuture<RecordMetadata> last = null;
    try (var own = FlyMQClient.connect(address);
        var producer = own.producer().build()) {
      for (byte[] value : values) {
        last = producer.send(topic, value);
      }
      producer.flush();
    }
    // Others may have written meanwhile.
    if (last.join().offset() < values.size() - 1) {
      throw new AssertionError("records are missing");
    }
  }

  @Override
  public long consume(String topic, int records) {
    long check = 0;
    int seen = 0;
    try (var consumer = client.consumer().build()) {
      consumer.assign(Map.of(new TopicPartition(topic, 0), StartOffset.earliest()));
      while (seen < records) {
        for (var record : consumer.poll(Duration.ofSeconds(5))) {
          check += Values.check(record.value());
          seen++;
        }
      }
    }
    return check;
  }

  @Override
  public long[] send(String topic, List<byte[]> values) {
    long[] took = new long[values.size()];
    try (var own = FlyMQClient.connect(address)) {
      for (int i = 0; i < took.length; i++) {
        long began = System.nanoTime();
        own.produce(topic, values.get(i));
        took[i] = System.nanoTime() - began;
      }
    }
    return took;
  }

  @Override
  public void transactions(String topic, List<byte[]> values, int records) {
    try (var producer = client.transactionalProducer(topic).build()) {
      for (int from = 0; from < values.size(); from += records) {
        try (var transaction = producer.begin()) {
          for (byte[] value : values.subList(from, Math.min(values.size(), from + records))) {
            transaction.send(topic, value);
          }
          transaction.commit();
        }
      }
    }
  }

  @Override
  public Handled listen(String topic, int records) throws Exception {
    return Listening.run(
        Application.class, topic, records, "flymq.bootstrap-servers=" + address);
  }

  @ImportAutoConfiguration({FlyMQAutoConfiguration.class, FlyMQListenerAutoConfiguration.class})
  static class Application extends Listening {
    @FlyMQListener(topics = "${topic}", group = "${topic}")
    void handle(String value) {
      handled(value);
    }
  }
}
