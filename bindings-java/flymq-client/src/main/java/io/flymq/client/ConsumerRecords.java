package io.flymq.client;

import io.flymq.client.internal.In;
import io.flymq.client.serde.Deserializer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * What a poll has brought. Records are decoded as they are come to, each time anew. One that cannot be is
 * left out, and {@link ConsumerBuilder#onUndeserializable} decides what becomes of it.
 *
 * @param <K> the keys' type
 * @param <V> the values' type
 */
public final class ConsumerRecords<K, V> implements Iterable<ConsumerRecord<K, V>> {
  private final @Nullable In in;
  private final List<Run> runs;
  private final int count;
  private final Decoder<K, V> decoder;
  private final Predicate<RecordDeserializationException> refuse;
  /** Where the records are that could not be decoded, and whether reading went on behind them. */
  private final Map<Integer, Boolean> refused = new ConcurrentHashMap<>();

  /** Neighbouring records of one partition. */
  private record Run(TopicPartition partition, int count, int position) {}

  /** How keys and values are decoded, and who looks at the records. */
  record Decoder<K, V>(
      Deserializer<? extends K> keys,
      Deserializer<? extends V> values,
      List<ConsumerInterceptor<K, V>> interceptors) {
    private ConsumerRecord<K, V> decode(ConsumerRecord<byte[], byte[]> raw) {
      String topic = raw.topic();
      byte[] key = raw.key();
      byte[] value = raw.value();
      return raw.withKeyAndValue(
          key == null ? null : keys.deserialize(topic, raw.headers(), key),
          value == null ? null : values.deserialize(topic, raw.headers(), value));
    }
  }

  /**
   * Reads what there is, and leaves the records for later.
   *
   * @param refuse decides about a record that cannot be decoded: whether reading goes on behind it
   */
  ConsumerRecords(
      @Nullable In in,
      Decoder<K, V> decoder,
      Predicate<RecordDeserializationException> refuse) {
    this.in = in;
    this.decoder = decoder;
    this.refuse = refuse;
    List<Run> found = new ArrayList<>();
    int total = 0;
    int left = in == null ? 0 : in.int32();
    for (; in != null && left > 0; left--) {
      TopicPartition partition = Partitions.partition(in);
      int records = in.int32();
      int length = in.int32();
      found.add(new Run(partition, records, in.position()));
      in.position(in.position() + length);
      total += records;
    }
    runs = found;
    count = total;
  }

  /** {@return how many records have come, with those that cannot be decoded} */
  public int count() {
    return count;
  }

  /** {@return whether there are none} */
  public boolean isEmpty() {
    return count == 0;
  }

  /** {@return the partitions that there are records of} */
  public Set<TopicPartition> partitions() {
    Set<TopicPartition> partitions = new LinkedHashSet<>();
    runs.forEach(run -> partitions.add(run.partition));
    return Collections.unmodifiableSet(partitions);
  }

  /**
   * The records of a partition.
   *
   * @param partition the partition
   * @return its records, decoded
   */
  public List<ConsumerRecord<K, V>> records(TopicPartition partition) {
    List<ConsumerRecord<K, V>> records = new ArrayList<>();
    List<Run> of = runs.stream().filter(run -> run.partition.equals(partition)).toList();
    new Records(of).forEachRemaining(records::add);
    return records;
  }

  /** {@return all records, decoded} */
  public List<ConsumerRecord<K, V>> toList() {
    List<ConsumerRecord<K, V>> records = new ArrayList<>(count);
    forEach(records::add);
    return records;
  }

  /** {@return all records, as a stream that decodes them} */
  public Stream<ConsumerRecord<K, V>> stream() {
    return StreamSupport.stream(spliterator(), false);
  }

  @Override
  public Spliterator<ConsumerRecord<K, V>> spliterator() {
    int traits = Spliterator.ORDERED | Spliterator.NONNULL | Spliterator.IMMUTABLE;
    return Spliterators.spliteratorUnknownSize(iterator(), traits);
  }

  /** {@return the records in order, those of a partition by offset} */
  @Override
  public Iterator<ConsumerRecord<K, V>> iterator() {
    return new Records(runs);
  }

  @Override
  public String toString() {
    return "ConsumerRecords[" + count + " of " + partitions() + "]";
  }

  private final class Records implements Iterator<ConsumerRecord<K, V>> {
    private final Iterator<Run> rest;
    /** Partitions that are read no further. */
    private final Set<TopicPartition> halted = new HashSet<>();
    private @Nullable Run run;
    private @Nullable In at;
    private int left;
    private @Nullable ConsumerRecord<K, V> next;

    Records(List<Run> runs) {
      rest = runs.iterator();
    }

    @Override
    public boolean hasNext() {
      while (next == null && (left > 0 || begin())) {
        left--;
        next = decode(run.partition, at);
      }
      return next != null;
    }

    @Override
    public ConsumerRecord<K, V> next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      ConsumerRecord<K, V> record = next;
      next = null;
      return record;
    }

    /** Goes on to the next run that is to be read. */
    private boolean begin() {
      while (in != null && rest.hasNext()) {
        run = rest.next();
        if (!halted.contains(run.partition)) {
          at = in.from(run.position);
          left = run.count;
          return true;
        }
      }
      return false;
    }

    /** The next record; {@code null} if it is refused. */
    private @Nullable ConsumerRecord<K, V> decode(TopicPartition partition, In at) {
      int position = at.position();
      ConsumerRecord<byte[], byte[]> raw = raw(partition, at);
      ConsumerRecord<K, V> record;
      try {
        record = decoder.decode(raw);
      } catch (RuntimeException error) {
        if (!goesOn(position, new RecordDeserializationException(raw, error))) {
          halted.add(partition);
          left = 0;
        }
        return null;
      }
      for (ConsumerInterceptor<K, V> interceptor : decoder.interceptors) {
        record = interceptor.onConsume(record);
      }
      return record;
    }

    /** What becomes of a record is decided once, however often it is come to. */
    private boolean goesOn(int position, RecordDeserializationException error) {
      Boolean decided = refused.get(position);
      if (decided == null) {
        decided = refuse.test(error);
        refused.put(position, decided);
      }
      return decided;
    }
  }

  private static ConsumerRecord<byte[], byte[]> raw(TopicPartition partition, In in) {
    long offset = in.int64();
    long timestamp = in.int64();
    byte[] key = in.bytes();
    byte[] value = in.bytes();
    List<Header> headers = in.list(header -> new Header(header.text(), header.bytes()));
    return new ConsumerRecord<>(
        partition.topic(),
        partition.partition(),
        offset,
        timestamp,
        key,
        value,
        Headers.of(headers));
  }
}
