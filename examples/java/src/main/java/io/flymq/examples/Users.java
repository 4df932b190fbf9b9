package io.flymq.examples;

import io.flymq.client.Acl;
import io.flymq.client.Admin;
import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.NewTopic;
import io.flymq.client.UserChange;
import io.flymq.client.errors.AuthFailedException;
import io.flymq.client.errors.NotAuthorizedException;

/** Users log in with a password, which never crosses the network, and may do what rules allow. */
public final class Users {
  public static void main(String[] arguments) {
    char[] secret = "changeit".toCharArray();
    char[] password = "lovelace".toCharArray();
    try (EmbeddedBroker broker = EmbeddedBroker.builder().user("root", secret).start()) {
      try (FlyMQClient root = connect(broker, "root", secret)) {
        Admin admin = root.admin();
        admin.createTopic(NewTopic.of("orders-eu", 1));
        admin.createUser(UserChange.of("ada").withPassword(password));
        admin.addAcls(
            Acl.allow("user:ada", Acl.Operation.WRITE, Acl.Resource.TOPIC, "orders-").prefixed());
      }
      try (FlyMQClient ada = connect(broker, "ada", password)) {
        System.out.println("logged in as " + ada.whoami().principal());
        ada.produce("orders-eu", "two apples");
        ada.consume("orders-eu", 0, 0);
      } catch (NotAuthorizedException error) {
        System.out.println(error.getMessage());
      }
      try {
        connect(broker, "ada", "byron".toCharArray());
      } catch (AuthFailedException error) {
        System.out.println(error.getMessage());
      }
    }
  }

  private static FlyMQClient connect(EmbeddedBroker broker, String user, char[] password) {
    return FlyMQClient.builder()
        .addresses(broker.address())
        .credentials(user, password)
        .connect();
  }
}
