package io.flymq.client;

import io.flymq.client.errors.GroupNotEmptyException;
import io.flymq.client.errors.UnknownGroupException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.CharBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A broker within this JVM; or, where FLYMQ_TEST_KAFKA names a Kafka cluster, a gateway to that: a process of its own,
 * of the command that {@code flymq.cli} names.
 */
interface Served extends AutoCloseable {
  /** Whether it is a gateway. */
  boolean GATEWAYS = System.getenv("FLYMQ_TEST_KAFKA") != null;

  /** Which of the scenarios that are for one engine alone are run. */
  String ENGINE = GATEWAYS ? "kafka" : "embedded";

  String address();

  @Override
  void close();

  default int port() {
    return Integer.parseInt(address().substring(address().lastIndexOf(':') + 1));
  }

  /** A broker with the data of a folder, or a gateway with those of the cluster. */
  static Served start(Path data, int port) {
    if (GATEWAYS) {
      return gateway(port);
    }
    return embedded(EmbeddedBroker.builder().dataDir(data).port(port).fsync(false));
  }

  /** A broker without any data, or a gateway to a cluster without any. */
  static Served start() {
    emptyCluster();
    return GATEWAYS ? gateway(0) : embedded(EmbeddedBroker.builder());
  }

  /** As {@link #start()}, with this administrator alone. */
  static Served guarded(String administrator, char[] password) {
    if (!GATEWAYS) {
      return embedded(EmbeddedBroker.builder().user(administrator, password));
    }
    emptyCluster();
    forgetEverybody();
    return guardedGateway(administrator, password);
  }

  private static Served embedded(EmbeddedBroker.Builder options) {
    EmbeddedBroker broker = options.start();
    return new Served() {
      @Override
      public String address() {
        return broker.address();
      }

      @Override
      public void close() {
        broker.close();
      }
    };
  }

  private static Served guardedGateway(String administrator, char[] password) {
    try {
      Path file = Files.createTempFile("password", null);
      try {
        Files.writeString(file, CharBuffer.wrap(password));
        return gateway(
            0, "--auth", "--bootstrap-admin", administrator,
            "--bootstrap-admin-password-file", file.toString());
      } finally {
        Files.delete(file);
      }
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private static Served gateway(int port, String... options) {
    List<String> command = new ArrayList<>(List.of(System.getProperty("flymq.cli"), "broker"));
    command.addAll(List.of("--engine", "kafka"));
    command.addAll(List.of("--kafka-bootstrap", System.getenv("FLYMQ_TEST_KAFKA")));
    command.addAll(List.of("--listen", "127.0.0.1:" + port));
    command.addAll(List.of(options));
    try {
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
      String line = Programs.firstLine(process);
      if (line == null || !line.startsWith("listening on ")) {
        process.destroyForcibly();
        throw new AssertionError("the gateway said " + line);
      }
      return new Gateway(process, line.substring(line.lastIndexOf(' ') + 1));
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** A gateway that runs. */
  record Gateway(Process process, String address) implements Served {
    @Override
    public void close() {
      process.destroy();
      try {
        if (!process.waitFor(Fixtures.LONG.toSeconds(), TimeUnit.SECONDS)) {
          process.destroyForcibly();
          throw new AssertionError("the gateway does not end");
        }
      } catch (InterruptedException error) {
        throw new AssertionError(error);
      }
    }
  }

  /** Deletes the cluster's users and rules. */
  private static void forgetEverybody() {
    String cleaner = "cleaner";
    char[] password = "secret".toCharArray();
    try (Served gateway = guardedGateway(cleaner, password);
        FlyMQClient client =
            FlyMQClient.builder()
                .addresses(gateway.address())
                .credentials(cleaner, password)
                .connect()) {
      client.admin().removeAcls(AclFilter.any());
      for (UserInfo user : client.admin().listUsers()) {
        if (!user.name().equals(cleaner)) {
          client.admin().deleteUser(user.name());
        }
      }
      client.admin().deleteUser(cleaner);
    }
  }

  /** Makes the cluster, if there is one, what a new folder is. */
  static void emptyCluster() {
    if (!GATEWAYS) {
      return;
    }
    try (Served gateway = gateway(0);
        FlyMQClient client = FlyMQClient.connect(gateway.address())) {
      client.admin().listTopics().keySet().forEach(client.admin()::deleteTopic);
      for (GroupListing group : client.admin().listGroups()) {
        try {
          client.admin().deleteGroup(group.group());
        } catch (GroupNotEmptyException expected) {
          // Members with an instance id may still be expected back.
          assert group.members() > 0;
        } catch (UnknownGroupException gone) {
          // Kafka lets go of a group by itself once there are no topics to its offsets.
          assert group.members() == 0;
        }
      }
    }
  }
}
