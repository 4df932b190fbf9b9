package io.flymq.spring.listener;

import io.flymq.client.ConsumerRecord;
import io.flymq.client.GroupOffset;
import io.flymq.client.TopicPartition;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** How far a consumer's partitions are processed, and how much of that is yet to be committed. */
final class OffsetTracker {
  private static final long NOTHING = -1;

  private final Map<TopicPartition, Progress> partitions = new HashMap<>();

  private static final class Progress {
    /** Delivered records that are not acknowledged, or lie behind one that is not. */
    final ArrayDeque<Long> open = new ArrayDeque<>();

    /** Those of them that are acknowledged. */
    final Set<Long> early = new HashSet<>();

    long processed = NOTHING;
    long committed = NOTHING;
  }

  /** A record was polled, and will be acknowledged some time. */
  synchronized void delivered(ConsumerRecord<?, ?> record) {
    Progress progress =
        partitions.computeIfAbsent(record.topicPartition(), partition -> new Progress());
    Long last = progress.open.peekLast();
    if (last == null || last < record.offset()) {
      progress.open.add(record.offset());
    }
  }

  /** A delivered record is processed. Those of partitions that were taken away do not matter. */
  synchronized void acknowledged(ConsumerRecord<?, ?> record) {
    Progress progress = partitions.get(record.topicPartition());
    if (progress == null || record.offset() <= progress.processed) {
      return;
    }
    Long next = progress.open.peekFirst();
    if (next != null && next == record.offset()) {
      progress.processed = progress.open.removeFirst();
    } else {
      progress.early.add(record.offset());
    }
    while ((next = progress.open.peekFirst()) != null && progress.early.remove(next)) {
      progress.processed = progress.open.removeFirst();
    }
  }

  /** Takes what is to be committed. */
  synchronized List<GroupOffset> take() {
    List<GroupOffset> due = new ArrayList<>();
    partitions.forEach(
        (partition, progress) -> {
          if (progress.processed > progress.committed) {
            progress.committed = progress.processed;
            due.add(
                new GroupOffset(partition.topic(), partition.partition(), progress.processed));
          }
        });
    return due;
  }

  /** What was taken could not be committed: it is to be tried again. */
  synchronized void giveBack(List<GroupOffset> offsets) {
    for (GroupOffset offset : offsets) {
      Progress progress = partitions.get(offset.topicPartition());
      if (progress != null && progress.committed == offset.offset()) {
        progress.committed = NOTHING;
      }
    }
  }

  /** These partitions are others' now. */
  synchronized void forget(Collection<TopicPartition> gone) {
    partitions.keySet().removeAll(gone);
  }
}
