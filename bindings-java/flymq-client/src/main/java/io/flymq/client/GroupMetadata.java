package io.flymq.client;

/**
 * Whom a consumer acts for in its group, for a transaction that stores the group's offsets.
 *
 * @param group the group
 * @param memberId the member; empty for one that assigns its partitions itself
 * @param generation the member's generation; −1 without a member
 */
public record GroupMetadata(String group, String memberId, int generation) {
  /**
   * A group without members, whose partitions are assigned by hand.
   *
   * @param group the group
   * @return whom a consumer of such a group acts for
   */
  public static GroupMetadata withoutMember(String group) {
    return new GroupMetadata(group, "", -1);
  }
}
