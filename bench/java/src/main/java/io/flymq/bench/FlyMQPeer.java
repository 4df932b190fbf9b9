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
  public void produce(String topic, List<byte[]> values) {
    CompletableFuture<RecordMetadata> last = null;
    try (var producer = client.producer().build()) {
      for (byte[] value : values) {
        last = producer.send(topic, value);
      }
      producer.flush();
    }
    if (last.join().offset() != values.size() - 1) {
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
    for (int i = 0; i < took.length; i++) {
      long began = System.nanoTime();
      client.produce(topic, values.get(i));
      took[i] = System.nanoTime() - began;
    }
    return took;
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
