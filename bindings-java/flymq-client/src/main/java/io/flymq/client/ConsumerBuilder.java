package io.flymq.client;

import io.flymq.client.internal.Call;
import io.flymq.client.internal.Errors;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Options;
import io.flymq.client.internal.Out;
import io.flymq.client.serde.Deserializer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Options of a consumer. Made by {@link FlyMQClient#consumer()}.
 *
 * @param <K> the keys' type
 * @param <V> the values' type
 */
public final class ConsumerBuilder<K, V> {
  private final FlyMQClient client;
  private final Deserializer<? extends K> keys;
  private final Deserializer<? extends V> values;
  private final Options options = new Options();
  private final List<ConsumerInterceptor<K, V>> interceptors = new ArrayList<>();
  private int maxPollRecords = 500;
  private RebalanceListener listener = new RebalanceListener() {};

  ConsumerBuilder(
      FlyMQClient client, Deserializer<? extends K> keys, Deserializer<? extends V> values) {
    this.client = client;
    this.keys = keys;
    this.values = values;
  }

  /**
   * Sets an option by its name; {@code docs/options.md} lists all of them.
   *
   * @param name its name, such as {@code fetch_bytes}
   * @param value its value
   * @return this
   */
  public ConsumerBuilder<K, V> option(String name, String value) {
    options.set(name, value);
    return this;
  }

  /**
   * Sets options by their names.
   *
   * @param values values by name
   * @return this
   */
  public ConsumerBuilder<K, V> options(Map<String, String> values) {
    values.forEach(options::set);
    return this;
  }

  /**
   * The group that the consumer shares partitions with, and whose offsets it commits. Default none: then
   * partitions are assigned by hand.
   *
   * @param group the group
   * @return this
   */
  public ConsumerBuilder<K, V> group(String group) {
    return option("group", group);
  }

  /**
   * A name of this member of the group that outlives its restarts, so that a quick restart moves no
   * partition. Default none.
   *
   * @param id the name
   * @return this
   */
  public ConsumerBuilder<K, V> instanceId(String id) {
    return option("instance_id", id);
  }

  /**
   * Where to begin if the group has committed nothing, and what to do when a position lies outside the
   * log. Default earliest.
   *
   * @param reset what to do
   * @return this
   */
  public ConsumerBuilder<K, V> autoOffsetReset(OffsetReset reset) {
    return option("auto_offset_reset", reset.option());
  }

  /**
   * Which records of transactions are seen. Default read committed.
   *
   * @param isolation which
   * @return this
   */
  public ConsumerBuilder<K, V> isolation(Isolation isolation) {
    return option("isolation", isolation.option());
  }

  /**
   * Whether what was processed is committed by itself. Default yes, every 5 s.
   *
   * @param commit whether it is
   * @return this
   */
  public ConsumerBuilder<K, V> autoCommit(boolean commit) {
    return autoCommitInterval(commit ? Duration.ofSeconds(5) : Duration.ZERO);
  }

  /**
   * How often what was processed is committed by itself. Default every 5 s.
   *
   * @param interval how often; 0 for never
   * @return this
   */
  public ConsumerBuilder<K, V> autoCommitInterval(Duration interval) {
    options.set("auto_commit_interval_ms", interval);
    return this;
  }

  /**
   * How the group's partitions are shared. Default sticky. What most members want counts.
   *
   * @param assignor how
   * @return this
   */
  public ConsumerBuilder<K, V> assignor(Assignor assignor) {
    return option("assignor", assignor.option());
  }

  /**
   * After how long without a sign of life, which is sent in the background, others get the consumer's
   * partitions. Default 45 s.
   *
   * @param timeout the time
   * @return this
   */
  public ConsumerBuilder<K, V> sessionTimeout(Duration timeout) {
    options.set("session_timeout_ms", timeout);
    return this;
  }

  /**
   * How long the consumer may take to give partitions up before it is put out of the group. Default 60 s.
   *
   * @param timeout the time
   * @return this
   */
  public ConsumerBuilder<K, V> rebalanceTimeout(Duration timeout) {
    options.set("rebalance_timeout_ms", timeout);
    return this;
  }

  /**
   * How long the application may take from one poll to the next before the consumer leaves the group.
   * Default 5 min.
   *
   * @param interval the time
   * @return this
   */
  public ConsumerBuilder<K, V> maxPollInterval(Duration interval) {
    options.set("max_poll_interval_ms", interval);
    return this;
  }

  /**
   * How long the broker may wait for records before it answers. Default 500 ms. New records are returned
   * at once whatever this is.
   *
   * @param wait the time
   * @return this
   */
  public ConsumerBuilder<K, V> maxWait(Duration wait) {
    options.set("max_wait_ms", wait);
    return this;
  }

  /**
   * How many bytes the broker collects before it answers. Default 1.
   *
   * @param bytes how many
   * @return this
   */
  public ConsumerBuilder<K, V> minBytes(int bytes) {
    options.set("min_bytes", bytes);
    return this;
  }

  /**
   * How many bytes of records are asked for at a time. Default 4 MiB.
   *
   * @param bytes how many
   * @return this
   */
  public ConsumerBuilder<K, V> fetchBytes(int bytes) {
    options.set("fetch_bytes", bytes);
    return this;
  }

  /**
   * How many bytes may be read ahead of the application. Default 16 MiB.
   *
   * @param bytes how many
   * @return this
   */
  public ConsumerBuilder<K, V> prefetchBytes(long bytes) {
    options.set("prefetch_bytes", bytes);
    return this;
  }

  /**
   * What to do about a record that cannot be decrypted. Default {@code error}.
   *
   * @param policy {@code error}, {@code skip}, {@code dead_letter} to send it on to the topic with {@code
   *     .dlq} behind its name, or {@code dead_letter:TOPIC}
   * @return this
   */
  public ConsumerBuilder<K, V> onUndecryptable(String policy) {
    return option("on_undecryptable", policy);
  }

  /**
   * What to do about a record whose key or value cannot be decoded. Default {@code error}: the records
   * before it are returned, then {@link Consumer#poll(Duration)} throws {@link
   * RecordDeserializationException} and reads its partition no further until it is {@link
   * Consumer#seek(TopicPartition, long) sought}.
   *
   * @param policy {@code error}, {@code skip}, {@code dead_letter} to send it on as it is to the topic with
   *     {@code .dlq} behind its name, or {@code dead_letter:TOPIC}
   * @return this
   */
  public ConsumerBuilder<K, V> onUndeserializable(String policy) {
    return option("on_undeserializable", policy);
  }

  /**
   * How many records a poll returns at most. Default 500.
   *
   * @param records how many, 1 or more
   * @return this
   */
  public ConsumerBuilder<K, V> maxPollRecords(int records) {
    if (records < 1) {
      throw Errors.invalid("maxPollRecords is 1 or more, not " + records);
    }
    this.maxPollRecords = records;
    return this;
  }

  /**
   * Who hears of changes of the consumer's share of its group's partitions. Default nobody.
   *
   * @param listener the listener
   * @return this
   */
  public ConsumerBuilder<K, V> rebalanceListener(RebalanceListener listener) {
    this.listener = listener;
    return this;
  }

  /**
   * Adds an interceptor behind those that were added before.
   *
   * @param interceptor looks at every record
   * @return this
   */
  public ConsumerBuilder<K, V> interceptor(ConsumerInterceptor<K, V> interceptor) {
    interceptors.add(interceptor);
    return this;
  }

  /**
   * Starts the consumer, without partitions: {@link Consumer#subscribe(String...) subscribe} it, or
   * {@link Consumer#assign(Map) assign} some.
   *
   * @return the consumer
   * @throws io.flymq.client.errors.InvalidArgumentException for an option that is not valid
   */
  public Consumer<K, V> build() {
    Out out = new Out();
    options.write(out);
    long number = Call.open(Native::consumerOpen, client.handle(), out);
    ConsumerRecords.Decoder<K, V> decoder =
        new ConsumerRecords.Decoder<>(keys, values, List.copyOf(interceptors));
    return new Consumer<>(client, number, decoder, maxPollRecords, listener);
  }
}
