package io.flymq.client;

import io.flymq.client.internal.In;
import io.flymq.client.internal.Out;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Partitions, and offsets in them, on their way to the native library and back. */
final class Partitions {
  private Partitions() {}

  static Out write(Out out, TopicPartition partition) {
    return out.text(partition.topic()).int32(partition.partition());
  }

  static Out write(Out out, GroupOffset offset) {
    return out.text(offset.topic())
        .int32(offset.partition())
        .int64(offset.offset())
        .text(offset.metadata());
  }

  static TopicPartition partition(In in) {
    return new TopicPartition(in.text(), in.int32());
  }

  static GroupOffset groupOffset(In in) {
    return new GroupOffset(in.text(), in.int32(), in.int64(), in.text());
  }

  static Map<TopicPartition, GroupOffset> byPartition(List<GroupOffset> offsets) {
    return offsets.stream()
        .collect(Collectors.toMap(GroupOffset::topicPartition, Function.identity()));
  }
}
