package io.flymq.examples;

import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FetchOptions;
import io.flymq.client.FlyMQClient;
import io.flymq.client.Isolation;
import io.flymq.client.TransactionalProducer;
import io.flymq.client.serde.Serdes;

/** Records of two topics that are stored together, or not at all. */
public final class Transfers {
  public static void main(String[] arguments) {
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClient client = FlyMQClient.connect(broker.address())) {
      client.createTopic("debits", 1);
      client.createTopic("credits", 1);
      try (TransactionalProducer<String, String> bank =
          client.transactionalProducer("bank-1", Serdes.string(), Serdes.string()).build()) {
        bank.inTransaction(
            transfer -> {
              transfer.send("debits", "alice", "10");
              return transfer.send("credits", "bob", "10");
            });
        try {
          bank.inTransaction(
              transfer -> {
                transfer.send("debits", "alice", "1000000").join();
                throw new IllegalStateException("alice has no million");
              });
        } catch (IllegalStateException refused) {
          System.out.println("aborted: " + refused.getMessage());
        }
      }
      FetchOptions everything =
          FetchOptions.defaults().withIsolation(Isolation.READ_UNCOMMITTED);
      System.out.println("debits that count: " + client.fetch("debits", 0, 0).count());
      System.out.println("debits in all: " + client.fetch("debits", 0, 0, everything).count());
    }
  }
}
