package io.flymq.client;

import io.flymq.client.internal.In;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A group and its members.
 *
 * @param group the group
 * @param state what it is doing: {@code empty}, {@code rebalancing}, {@code stable}, or what a newer broker
 *     knows
 * @param generation counts assignments
 * @param assignor how partitions are assigned: {@code sticky} or {@code range}
 * @param members the members, by id
 */
public record GroupDescription(
    String group, String state, int generation, String assignor, List<Member> members) {
  /**
   * A member of a group.
   *
   * @param memberId the member
   * @param instanceId its name that outlives restarts, if it has one
   * @param clientId what its client calls itself
   * @param address where its client came from
   * @param generation its generation
   * @param topics topics that it subscribed to by name
   * @param pattern topics that it subscribed to by regular expression
   * @param assignment the partitions that it holds
   * @param target the partitions that it will hold once the rebalance is over
   */
  public record Member(
      String memberId,
      @Nullable String instanceId,
      String clientId,
      String address,
      int generation,
      List<String> topics,
      @Nullable String pattern,
      List<TopicPartition> assignment,
      List<TopicPartition> target) {
    static Member read(In in) {
      return new Member(
          in.text(),
          in.optionalText(),
          in.text(),
          in.text(),
          in.int32(),
          in.list(In::text),
          in.optionalText(),
          in.list(Partitions::partition),
          in.list(Partitions::partition));
    }
  }
}
