package io.flymq.client;

import io.flymq.client.errors.FlyMQException;
import io.flymq.client.internal.Call;
import io.flymq.client.internal.Handle;
import io.flymq.client.internal.In;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Out;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Reads topics: together with the other members of a group, or partitions of its own choice. Made by
 * {@link FlyMQClient#consumer()}.
 *
 * <pre>{@code
 * try (Consumer<String, String> consumer =
 *     client.consumer(Serdes.string(), Serdes.string()).group("billing").build()) {
 *   consumer.subscribe("orders");
 *   while (running) {
 *     for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
 *       System.out.println(record.key() + " " + record.value());
 *     }
 *   }
 * }
 * }</pre>
 *
 * <p>With auto-commit, which is on by default, what was processed is committed from time to time, when
 * partitions are given up, and by {@link #close()}: what a poll has returned is processed once the
 * consumer is polled again. A group resumes behind what is committed.
 *
 * <p>One thread polls; others may use the rest meanwhile.
 *
 * @param <K> the keys' type
 * @param <V> the values' type
 */
public final class Consumer<K, V> implements AutoCloseable {
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(30);

  private final FlyMQClient client;
  private final Handle handle;
  private final int maxPollRecords;
  private final Polling<K, V> polling;

  Consumer(
      FlyMQClient client,
      long number,
      ConsumerRecords.Decoder<K, V> decoder,
      int maxPollRecords,
      RebalanceListener listener) {
    this.client = client;
    this.handle = new Handle(this, "consumer", number);
    this.maxPollRecords = maxPollRecords;
    this.polling = new Polling<>(this, handle, decoder, listener);
  }

  long handle() {
    return handle.get();
  }

  /**
   * Reads these topics together with the other members of the consumer's group, and no others. Topics that
   * do not exist are read once they do. Joining goes on while the consumer is polled.
   *
   * @param topics the topics
   */
  public void subscribe(String... topics) {
    subscribe(List.of(topics));
  }

  /**
   * As {@link #subscribe(String...)}.
   *
   * @param topics the topics
   */
  public void subscribe(Collection<String> topics) {
    call(Native::consumerSubscribe, new Out().list(topics, Out::text).text(null));
  }

  /**
   * As {@link #subscribe(Collection)}, with changes of partitions told to another listener.
   *
   * @param topics the topics
   * @param listener hears of changes from now on
   */
  public void subscribe(Collection<String> topics, RebalanceListener listener) {
    polling.tell(listener);
    subscribe(topics);
  }

  /**
   * Reads all topics whose whole names match, now or later.
   *
   * @param pattern a regular expression in RE2 syntax; what is wrong with it the next poll tells
   */
  public void subscribePattern(String pattern) {
    call(Native::consumerSubscribe, new Out().int32(0).text(pattern));
  }

  /** Gives up all partitions, as in a rebalance, and leaves the group. */
  public void unsubscribe() {
    polling.unsubscribe();
  }

  /**
   * Reads these partitions from now on, and no others, without sharing them with a group.
   *
   * @param partitions where to begin each
   */
  public void assign(Map<TopicPartition, StartOffset> partitions) {
    call(
        Native::consumerAssign,
        new Out()
            .list(
                partitions.entrySet(),
                (out, entry) -> {
                  Partitions.write(out, entry.getKey());
                  entry.getValue().write(out);
                }));
  }

  /**
   * As {@link #assign(Map)}, from the oldest records on.
   *
   * @param partitions the partitions
   */
  public void assign(Collection<TopicPartition> partitions) {
    assign(
        partitions.stream()
            .collect(Collectors.toMap(Function.identity(), p -> StartOffset.earliest())));
  }

  /** {@return the partitions that are read} */
  public Set<TopicPartition> assignment() {
    return new TreeSet<>(call(Native::consumerAssignment, new Out()).list(Partitions::partition));
  }

  /**
   * Returns records as soon as there are any; none if there are none within the time.
   *
   * <p>A member of a group has to poll at least once every {@code max_poll_interval_ms}. Coming back means
   * that all records of the call before are processed, as far as auto-commit is concerned. Lost
   * connections are made again in the background and are no error.
   *
   * @param timeout how long to wait
   * @return the records
   * @throws io.flymq.client.errors.WaitInterruptedException after {@link #wakeup()}, or an interrupt of
   *     the thread; no record is lost
   * @throws RecordDeserializationException once, where a record that could not be decoded has stopped its
   *     partition: the position stays at it; {@link #seek(TopicPartition, long) seek} past it to go on
   * @throws FlyMQException what reading met and will not pass by itself, such as {@code
   *     UnknownTopicException}, {@code OffsetOutOfRangeException} with {@link OffsetReset#ERROR}, or
   *     {@code InstanceFencedException}
   */
  public ConsumerRecords<K, V> poll(Duration timeout) {
    return poll(timeout, maxPollRecords);
  }

  /**
   * As {@link #poll(Duration)}, at most so many records.
   *
   * @param timeout how long to wait
   * @param maxRecords how many, 1 or more
   * @return the records
   */
  public ConsumerRecords<K, V> poll(Duration timeout, int maxRecords) {
    return polling.poll(timeout, maxRecords);
  }

  /** Has the poll that is under way, else the next one, throw {@code WaitInterruptedException}. */
  public void wakeup() {
    polling.wakeup();
  }

  /**
   * Commits all records that were returned, and waits until that is stored.
   *
   * @throws io.flymq.client.errors.StaleGenerationException if partitions were taken from this consumer,
   *     whose records others process again then
   */
  public void commit() {
    call(Native::consumerCommit, new Out().flag(false));
  }

  /**
   * Commits that a record, and all before it in its partition, is processed.
   *
   * @param record the record
   */
  public void commit(ConsumerRecord<?, ?> record) {
    commit(List.of(GroupOffset.of(record)));
  }

  /**
   * Commits these offsets.
   *
   * @param offsets each the last one processed of its partition
   */
  public void commit(Collection<GroupOffset> offsets) {
    call(Native::consumerCommit, new Out().flag(true).list(offsets, Partitions::write));
  }

  /**
   * As {@link #commit()}, without waiting. Commits are stored in the order in which they are begun.
   *
   * @return done when it is stored
   */
  public CompletableFuture<Void> commitAsync() {
    return start(new Out().flag(false));
  }

  /**
   * As {@link #commit(Collection)}, without waiting.
   *
   * @param offsets each the last one processed of its partition
   * @return done when it is stored
   */
  public CompletableFuture<Void> commitAsync(Collection<GroupOffset> offsets) {
    return start(new Out().flag(true).list(offsets, Partitions::write));
  }

  private CompletableFuture<Void> start(Out out) {
    Function<In, @Nullable Void> nothing = in -> null;
    return Call.start(Native::consumerCommit, handle.get(), out, nothing, client.executor());
  }

  /**
   * What the group has committed.
   *
   * @param partitions the partitions to ask for
   * @return what is committed of each; those without a commit are left out
   */
  public Map<TopicPartition, GroupOffset> committed(Collection<TopicPartition> partitions) {
    Out out = new Out().list(partitions, Partitions::write);
    return Partitions.byPartition(call(Native::consumerCommitted, out).list(Partitions::groupOffset));
  }

  /**
   * Offset of the next record that a poll will return.
   *
   * @param partition a partition that is read
   * @return the offset
   */
  public long position(TopicPartition partition) {
    return call(Native::consumerPosition, Partitions.write(new Out(), partition)).int64();
  }

  /**
   * How many offsets lie between a partition's position and its end, as of the last fetch.
   *
   * @param partition a partition that is read
   * @return an upper bound of the records to come; empty before the first fetch
   */
  public OptionalLong lag(TopicPartition partition) {
    Long lag = call(Native::consumerLag, Partitions.write(new Out(), partition)).optionalInt64();
    return lag == null ? OptionalLong.empty() : OptionalLong.of(lag);
  }

  /**
   * Goes on reading a partition elsewhere. Commits nothing.
   *
   * @param partition a partition that is read
   * @param start where to go on
   */
  public void seek(TopicPartition partition, StartOffset start) {
    Out out = Partitions.write(new Out(), partition);
    start.write(out);
    call(Native::consumerSeek, out);
  }

  /**
   * Goes on reading a partition at an offset. Commits nothing.
   *
   * @param partition a partition that is read
   * @param offset the offset
   */
  public void seek(TopicPartition partition, long offset) {
    seek(partition, StartOffset.offset(offset));
  }

  /**
   * Goes back to what is committed, or to where reading began where nothing is, so that records whose
   * transaction was aborted are returned once more.
   */
  public void rewind() {
    call(Native::consumerRewind, new Out());
  }

  /**
   * Returns no records of these partitions until they are {@link #resume resumed}. What was read ahead is
   * kept.
   *
   * @param partitions partitions that are read
   */
  public void pause(Collection<TopicPartition> partitions) {
    call(Native::consumerPause, new Out().flag(true).list(partitions, Partitions::write));
  }

  /**
   * Ends a {@link #pause}.
   *
   * @param partitions partitions that are read
   */
  public void resume(Collection<TopicPartition> partitions) {
    call(Native::consumerPause, new Out().flag(false).list(partitions, Partitions::write));
  }

  /** {@return whom the consumer acts for in its group; {@code null} before it is a member} */
  public @Nullable GroupMetadata groupMetadata() {
    In in = call(Native::consumerMember, new Out());
    return in.flag() ? new GroupMetadata(in.text(), in.text(), in.int32()) : null;
  }

  /**
   * As {@link #close()}, after a failure: what the last poll returned does not count as processed, and is
   * returned again to whoever reads its partitions next.
   */
  public void abandon() {
    close(CLOSE_TIMEOUT, true);
  }

  /**
   * Gives all partitions up, commits, with auto-commit, all records that were returned, and leaves the
   * group, within 30 s. A poll of another thread ends. Harmless when closed.
   *
   * @throws FlyMQException what became of the last commit; {@code RequestTimeoutException} if it took too
   *     long
   */
  @Override
  public void close() {
    close(CLOSE_TIMEOUT);
  }

  /**
   * As {@link #close()}, within a time.
   *
   * @param timeout how long to wait
   */
  public void close(Duration timeout) {
    close(timeout, false);
  }

  private void close(Duration timeout, boolean abandon) {
    polling.close(timeout, abandon);
  }

  private In call(Call.Operation operation, Out out) {
    return Call.wait(operation, handle.get(), out);
  }
}
