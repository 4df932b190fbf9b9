package io.flymq.examples;

import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.FlyMQClientPool;
import java.util.stream.IntStream;

/** Several connections, each of which one borrower has at a time. */
public final class Pool {
  public static void main(String[] arguments) {
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClientPool pool = FlyMQClient.builder().addresses(broker.address()).pool(4)) {
      try (FlyMQClient client = pool.get()) {
        client.createTopic("clicks", 4);
      }
      long stored =
          IntStream.range(0, 100)
              .parallel()
              .mapToLong(
                  i -> {
                    try (FlyMQClient client = pool.get()) {
                      return client.produce("clicks", "click " + i).offset();
                    }
                  })
              .count();
      System.out.println("stored " + stored + " with " + pool.size() + " clients at most");
    }
  }
}
