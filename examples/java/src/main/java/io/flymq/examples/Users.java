package io.flymq.examples;

import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.errors.AuthFailedException;

/** Clients log in with a password, which never crosses the network. */
public final class Users {
  public static void main(String[] arguments) {
    char[] password = "lovelace".toCharArray();
    try (EmbeddedBroker broker = EmbeddedBroker.builder().user("ada", password).start()) {
      try (FlyMQClient client =
          FlyMQClient.builder().addresses(broker.address()).credentials("ada", password).connect()) {
        System.out.println("logged in as " + client.whoami());
      }
      try {
        FlyMQClient.builder()
            .addresses(broker.address())
            .credentials("ada", "byron".toCharArray())
            .connect();
      } catch (AuthFailedException error) {
        System.out.println(error.getMessage());
      }
    }
  }
}
