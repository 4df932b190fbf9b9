package io.flymq.examples;

import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.Keyring;
import io.flymq.client.errors.UnknownEncryptionKeyException;

/** Values are encrypted from producer to consumer; keys change while clients run. */
public final class Encryption {
  public static void main(String[] arguments) {
    Keyring keyring = Keyring.of("2025", Keyring.generateKey());
    try (EmbeddedBroker broker = EmbeddedBroker.start();
        FlyMQClient client =
            FlyMQClient.builder().addresses(broker.address()).encryption(keyring).connect();
        FlyMQClient stranger = FlyMQClient.connect(broker.address())) {
      client.createTopic("payments", 1);
      client.produce("payments", "4711 EUR");
      keyring.add("2026", Keyring.generateKey());
      keyring.encryptWith("2026");
      client.produce("payments", "42 EUR");
      client.fetch("payments", 0, 0).forEach(r -> System.out.println(new String(r.value())));
      try {
        stranger.consume("payments", 0, 0);
      } catch (UnknownEncryptionKeyException error) {
        System.out.println("a stranger is told " + error.name());
      }
    }
  }
}
