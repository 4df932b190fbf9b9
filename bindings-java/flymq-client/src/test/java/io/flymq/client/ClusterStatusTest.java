package io.flymq.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a broker of its own, and through a gateway. */
class ClusterStatusTest {
  @Test
  void theClusterTellsHowItIs(@TempDir Path data) {
    Served.emptyCluster();
    try (Served broker = Served.start(data, 0);
        FlyMQClient client = FlyMQClient.connect(broker.address())) {
      client.createTopic("t", 3);
      ClusterStatus status = client.admin().clusterStatus();
      assertEquals(Served.ENGINE, status.engine());
      assertFalse(status.clusterId().isEmpty());
      assertTrue(
          status.brokers().stream().anyMatch(found -> found.port() == broker.port()),
          status::toString);
      assertTrue(status.partitions() >= 3 && status.healthy(), status::toString);
      assertEquals(List.of(), status.troubled());
      assertEquals(0, status.underReplicated() + status.offline());
      assertEquals(
          Served.GATEWAYS, status.nodes().stream().anyMatch(ClusterStatus.Node::controller));
    }
  }
}
