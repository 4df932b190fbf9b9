package io.flymq.client;

import io.flymq.client.internal.Call;
import io.flymq.client.internal.In;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Out;
import java.time.Instant;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Topics, offsets, the cluster, groups, users and rules. From {@link FlyMQClient#admin()}. */
public final class Admin {
  private final FlyMQClient client;

  Admin(FlyMQClient client) {
    this.client = client;
  }

  private In call(Call.Operation operation, Out out) {
    return Call.wait(operation, client.handle(), out);
  }

  /**
   * Creates a topic.
   *
   * @param topic the topic
   * @return whether it was created, which it was not if it was there already and {@link
   *     NewTopic#ifNotExists()} allowed that
   * @throws io.flymq.client.errors.TopicExistsException if it is there already
   * @throws io.flymq.client.errors.TopicException for a name, number or configuration that is not valid
   */
  public boolean createTopic(NewTopic topic) {
    Integer copies = topic.replication();
    Out out = new Out().text(topic.name()).int32(topic.partitions()).flag(copies != null);
    if (copies != null) {
      out.int32(copies);
    }
    return call(Native::topicCreate, out.map(topic.config()).flag(topic.allowExisting())).flag();
  }

  /**
   * Deletes a topic and its records.
   *
   * @param name the topic
   */
  public void deleteTopic(String name) {
    call(Native::topicDelete, new Out().text(name));
  }

  /** {@return the number of partitions of every topic, by name} */
  public Map<String, Integer> listTopics() {
    In in = call(Native::topicList, new Out());
    Map<String, Integer> topics = new LinkedHashMap<>();
    in.list(topic -> topics.put(topic.text(), topic.int32()));
    return topics;
  }

  /**
   * A topic's configuration and offsets.
   *
   * @param name the topic
   * @return what there is to know
   */
  public TopicDescription describeTopic(String name) {
    In in = call(Native::topicDescribe, new Out().text(name));
    return new TopicDescription(
        in.text(),
        in.map(),
        in.list(p -> new TopicDescription.Partition(p.int32(), p.int64(), p.int64())),
        in.int64());
  }

  /**
   * Changes a topic's configuration.
   *
   * @param name the topic
   * @param config values by key; {@code null} puts a key back to its default
   * @return every key with the value in force
   */
  public Map<String, String> alterTopic(String name, Map<String, @Nullable String> config) {
    return call(Native::topicAlter, new Out().text(name).map(config)).map();
  }

  /**
   * Raises a topic's number of partitions. Keys may change partitions then.
   *
   * @param name the topic
   * @param partitions how many partitions it is to have
   */
  public void addPartitions(String name, int partitions) {
    call(Native::topicAddPartitions, new Out().text(name).int32(partitions));
  }

  /**
   * How many partitions a topic has.
   *
   * @param topic the topic
   * @return how many
   */
  public int partitionCount(String topic) {
    return call(Native::topicPartitionCount, new Out().text(topic)).int32();
  }

  /**
   * The offset of the oldest record there is.
   *
   * @param partition the partition
   * @return the offset
   */
  public long earliest(TopicPartition partition) {
    return offset(partition, StartOffset.earliest());
  }

  /**
   * The offset that the next record will get; where the first open transaction begins, if there is one.
   *
   * @param partition the partition
   * @return the offset
   */
  public long latest(TopicPartition partition) {
    return offset(partition, StartOffset.latest());
  }

  /**
   * The offset of the first record of a time or later; the end of the log if there is none.
   *
   * @param partition the partition
   * @param time the time
   * @return the offset
   */
  public long offsetAt(TopicPartition partition, Instant time) {
    return offset(partition, StartOffset.timestamp(time));
  }

  private long offset(TopicPartition partition, StartOffset at) {
    return offsets(List.of(partition), at, Isolation.READ_COMMITTED).get(partition);
  }

  /**
   * Where partitions begin, where they end, or where their records of a time or later begin.
   *
   * @param partitions the partitions
   * @param at earliest, latest or a time
   * @param isolation read uncommitted, a partition does not end where the first open transaction begins
   * @return the offset of each
   */
  public Map<TopicPartition, Long> offsets(
      Collection<TopicPartition> partitions, StartOffset at, Isolation isolation) {
    Map<String, List<TopicPartition>> byTopic =
        partitions.stream().distinct().collect(Collectors.groupingBy(TopicPartition::topic));
    Map<TopicPartition, Long> offsets = new LinkedHashMap<>();
    byTopic.forEach(
        (topic, all) -> {
          Out out = new Out().text(topic);
          at.write(out);
          out.flag(isolation == Isolation.READ_UNCOMMITTED);
          out.list(all, (list, partition) -> list.int32(partition.partition()));
          Iterator<Long> found = call(Native::topicOffsets, out).list(In::int64).iterator();
          all.forEach(partition -> offsets.put(partition, found.next()));
        });
    return offsets;
  }

  /** {@return which brokers there are, as they want to be addressed} */
  public List<BrokerAddress> brokers() {
    return call(Native::brokerList, new Out())
        .list(BrokerAddress::read);
  }

  /**
   * How the cluster is: which brokers are alive, which nodes the engine has, and which partitions lack copies.
   *
   * @return what there is to know
   * @throws io.flymq.client.errors.NotAuthorizedException without the permission to describe the cluster
   */
  public ClusterStatus clusterStatus() {
    return ClusterStatus.read(call(Native::clusterStatus, new Out()));
  }

  /** {@return the groups that have members or committed offsets, by name} */
  public List<GroupListing> listGroups() {
    return call(Native::groupList, new Out())
        .list(in -> new GroupListing(in.text(), in.text(), in.int32()));
  }

  /**
   * A group and its members.
   *
   * @param group the group
   * @return what there is to know
   * @throws io.flymq.client.errors.UnknownGroupException if there is no such group
   */
  public GroupDescription describeGroup(String group) {
    In in = call(Native::groupDescribe, new Out().text(group));
    return new GroupDescription(
        in.text(), in.text(), in.int32(), in.text(), in.list(GroupDescription.Member::read));
  }

  /**
   * Deletes a group that has no members, with its offsets.
   *
   * @param group the group
   * @throws io.flymq.client.errors.UnknownGroupException if there is no such group
   * @throws io.flymq.client.errors.GroupNotEmptyException if it has members
   */
  public void deleteGroup(String group) {
    call(Native::groupDelete, new Out().text(group));
  }

  /**
   * All that a group has committed.
   *
   * @param group the group
   * @return what is committed of each partition; empty for a group that is not known
   */
  public Map<TopicPartition, GroupOffset> groupOffsets(String group) {
    In in = call(Native::groupOffsets, new Out().text(group));
    return Partitions.byPartition(in.list(Partitions::groupOffset));
  }

  /**
   * Has a group that has no members go on somewhere else in all partitions of a topic.
   *
   * @param group the group
   * @param topic the topic
   * @param to where it goes on
   * @return what is committed now
   * @throws io.flymq.client.errors.GroupNotEmptyException if it has members
   * @throws io.flymq.client.errors.OffsetOutOfRangeException for an offset that is not in the log
   */
  public Map<TopicPartition, GroupOffset> resetGroupOffsets(
      String group, String topic, StartOffset to) {
    return reset(group, topic, to, null);
  }

  /**
   * As {@link #resetGroupOffsets(String, String, StartOffset)}, in some partitions.
   *
   * @param group the group
   * @param topic the topic
   * @param to where it goes on
   * @param partitions the partitions
   * @return what is committed now
   */
  public Map<TopicPartition, GroupOffset> resetGroupOffsets(
      String group, String topic, StartOffset to, Collection<Integer> partitions) {
    return reset(group, topic, to, partitions);
  }

  private Map<TopicPartition, GroupOffset> reset(
      String group, String topic, StartOffset to, @Nullable Collection<Integer> partitions) {
    Out out = new Out().text(group).text(topic);
    to.write(out);
    out.flag(partitions != null);
    if (partitions != null) {
      out.list(partitions, Out::int32);
    }
    return Partitions.byPartition(
        call(Native::groupResetOffsets, out).list(Partitions::groupOffset));
  }

  /**
   * How far a group is behind, in every partition that it has committed or a member holds.
   *
   * @param group the group
   * @return one entry a partition
   */
  public List<PartitionLag> groupLag(String group) {
    return call(Native::groupLag, new Out().text(group))
        .list(
            in ->
                new PartitionLag(
                    Partitions.partition(in), in.optionalInt64(), in.int64(), in.optionalInt64()));
  }

  /**
   * Creates a user.
   *
   * @param user the user
   * @throws io.flymq.client.errors.UserExistsException if it is there already
   * @throws io.flymq.client.errors.NotAuthorizedException without {@code admin} on the cluster
   */
  public void createUser(UserChange user) {
    upsert(user, false);
  }

  /**
   * Changes a user, in sessions that are open too.
   *
   * @param change what changes
   * @throws io.flymq.client.errors.UnknownUserException if there is no such user
   * @throws io.flymq.client.errors.NotAuthorizedException without {@code admin} on the cluster
   */
  public void alterUser(UserChange change) {
    upsert(change, true);
  }

  /**
   * Creates a user, or changes it if it is there already.
   *
   * @param change the user
   * @return whether it is new
   * @throws io.flymq.client.errors.NotAuthorizedException without {@code admin} on the cluster
   */
  public boolean upsertUser(UserChange change) {
    return upsert(change, null);
  }

  private boolean upsert(UserChange change, @Nullable Boolean exists) {
    Out out = new Out().flag(exists != null);
    if (exists != null) {
      out.flag(exists);
    }
    try {
      return call(Native::userUpsert, change.write(out)).flag();
    } finally {
      out.wipe();
    }
  }

  /**
   * Deletes a user, with the rules that name it.
   *
   * @param name the user
   * @throws io.flymq.client.errors.UnknownUserException if there is no such user
   * @throws io.flymq.client.errors.NotAuthorizedException without {@code admin} on the cluster
   */
  public void deleteUser(String name) {
    call(Native::userDelete, new Out().text(name));
  }

  /**
   * Every user.
   *
   * @return the users, by name
   * @throws io.flymq.client.errors.NotAuthorizedException without {@code admin} on the cluster
   */
  public List<UserInfo> listUsers() {
    return call(Native::userList, new Out())
        .list(in -> new UserInfo(in.text(), in.list(In::text), in.flag(), in.text()));
  }

  /**
   * Adds rules, which count at once.
   *
   * @param acls the rules
   * @return how many of them are new
   * @throws io.flymq.client.errors.InvalidRequestException for what is no rule
   * @throws io.flymq.client.errors.NotAuthorizedException without {@code admin} on the cluster
   */
  public int addAcls(Acl... acls) {
    return addAcls(List.of(acls));
  }

  /**
   * As {@link #addAcls(Acl...)}.
   *
   * @param acls the rules
   * @return how many of them are new
   */
  public int addAcls(Collection<Acl> acls) {
    return call(Native::aclAdd, new Out().list(acls, Acl::write)).int32();
  }

  /**
   * Removes rules.
   *
   * @param filter which
   * @return those that were removed
   * @throws io.flymq.client.errors.NotAuthorizedException without {@code admin} on the cluster
   */
  public List<Acl> removeAcls(AclFilter filter) {
    return call(Native::aclRemove, filter.write(new Out())).list(Acl::read);
  }

  /**
   * Rules that there are.
   *
   * @param filter which
   * @return the rules
   * @throws io.flymq.client.errors.NotAuthorizedException without {@code admin} on the cluster
   */
  public List<Acl> listAcls(AclFilter filter) {
    return call(Native::aclList, filter.write(new Out())).list(Acl::read);
  }
}
