package io.flymq.client;

import java.util.List;
import java.util.Map;

/**
 * A topic's configuration and offsets.
 *
 * @param name the topic
 * @param config every configuration key with the value in force
 * @param partitions the partitions, by number
 * @param bytes bytes of records stored for the whole topic
 */
public record TopicDescription(
    String name, Map<String, String> config, List<Partition> partitions, long bytes) {
  /**
   * Where one partition's records begin and end.
   *
   * @param partition the partition, from 0
   * @param earliest offset of the oldest record there is
   * @param latest offset that the next record will get
   */
  public record Partition(int partition, long earliest, long latest) {}
}
