package io.flymq.client;

import io.flymq.client.internal.In;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How the cluster is. From {@link Admin#clusterStatus()}.
 *
 * @param engine what stores the records: {@code embedded}, or {@code kafka} behind gateways
 * @param clusterId identity of the stored data
 * @param brokers the brokers that are alive, by id
 * @param nodes the engine's own nodes, by id; none where the engine is within the broker
 * @param partitions how many partitions there are, the engine's own included
 * @param underReplicated how many of them have fewer copies in sync than they should have
 * @param offline how many of them cannot be used, because no node leads them
 * @param troubled the partitions that are under-replicated or offline, up to 1,000
 * @param healthy whether every partition can be used and has all its copies
 */
public record ClusterStatus(
    String engine,
    String clusterId,
    List<BrokerAddress> brokers,
    List<Node> nodes,
    int partitions,
    int underReplicated,
    int offline,
    List<Partition> troubled,
    boolean healthy) {
  static ClusterStatus read(In in) {
    return new ClusterStatus(
        in.text(),
        in.text(),
        in.list(BrokerAddress::read),
        in.list(Node::read),
        in.int32(),
        in.int32(),
        in.int32(),
        in.list(Partition::read),
        in.flag());
  }

  /**
   * A node of the engine, such as one of Apache Kafka.
   *
   * @param id its number
   * @param host where it listens for brokers
   * @param port its port
   * @param controller whether it is the one that was last known to control the cluster
   */
  public record Node(int id, String host, int port, boolean controller) {
    static Node read(In in) {
      return new Node(in.int32(), in.text(), in.int32(), in.flag());
    }
  }

  /**
   * Where a partition's copies are.
   *
   * @param topic the topic
   * @param partition the partition
   * @param leader the node that leads it, if one does
   * @param replicas the nodes that should have a copy
   * @param inSync those of them whose copy is up to date
   */
  public record Partition(
      String topic,
      int partition,
      @Nullable Integer leader,
      List<Integer> replicas,
      List<Integer> inSync) {
    static Partition read(In in) {
      return new Partition(
          in.text(),
          in.int32(),
          in.flag() ? in.int32() : null,
          in.list(In::int32),
          in.list(In::int32));
    }
  }
}
