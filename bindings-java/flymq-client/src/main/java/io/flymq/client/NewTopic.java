package io.flymq.client;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A topic to create.
 *
 * @param name the topic
 * @param partitions how many partitions
 * @param replication how many copies of each partition; {@code null} for what the broker prefers
 * @param config configuration by key
 * @param allowExisting whether it is fine if the topic is there already
 */
public record NewTopic(
    String name,
    int partitions,
    @Nullable Integer replication,
    Map<String, String> config,
    boolean allowExisting) {
  /** A topic to create. */
  public NewTopic {
    config = Map.copyOf(config);
  }

  /**
   * A topic with default configuration.
   *
   * @param name the topic
   * @param partitions how many partitions
   * @return the topic
   */
  public static NewTopic of(String name, int partitions) {
    return new NewTopic(name, partitions, null, Map.of(), false);
  }

  /**
   * The same with another number of copies.
   *
   * @param copies how many copies of each partition
   * @return the topic
   */
  public NewTopic withReplication(int copies) {
    return new NewTopic(name, partitions, copies, config, allowExisting);
  }

  /**
   * The same with one configuration key more.
   *
   * @param key the key, such as {@code retention_ms}
   * @param value its value
   * @return the topic
   */
  public NewTopic withConfig(String key, String value) {
    Map<String, String> all = new LinkedHashMap<>(config);
    all.put(key, value);
    return new NewTopic(name, partitions, replication, all, allowExisting);
  }

  /** {@return the same, which changes nothing if the topic is there already} */
  public NewTopic ifNotExists() {
    return new NewTopic(name, partitions, replication, config, true);
  }
}
