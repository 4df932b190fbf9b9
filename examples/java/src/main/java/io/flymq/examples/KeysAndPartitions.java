package io.flymq.examples;

import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import java.util.HashSet;
import java.util.Set;

/** Records of one key go to one partition, in order; without a key they go round all of them. */
public final class KeysAndPartitions {
  public static void main(String[] arguments) {
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClient client = FlyMQClient.connect(broker.address())) {
      client.createTopic("user-events", 6);
      Set<Integer> keyed = new HashSet<>();
      Set<Integer> unkeyed = new HashSet<>();
      for (int i = 0; i < 12; i++) {
        keyed.add(client.produce("user-events", "user-7", "event " + i).partition());
        unkeyed.add(client.produce("user-events", "log line " + i).partition());
      }
      System.out.println("one user: " + keyed.size() + " partition");
      System.out.println("log lines: " + unkeyed.size() + " partitions");
    }
  }
}
