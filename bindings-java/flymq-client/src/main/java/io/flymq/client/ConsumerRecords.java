package io.flymq.client;

import io.flymq.client.internal.In;
import io.flymq.client.serde.Deserializer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * What a poll has brought. Records are decoded as they are come to, each time anew: a value that cannot
 * be is reported by the iterator, which can go on behind it.
 *
 * @param <K> the keys' type
 * @param <V> the values' type
 */
public final class ConsumerRecords<K, V> implements Iterable<ConsumerRecord<K, V>> {
  private final @Nullable In in;
  private final List<Run> runs;
  private final int count;
  private final Decoder<K, V> decoder;

  /** Neighbouring records of one partition. */
  private record Run(String topic, int partition, int count, int position) {}

  /** How keys and values are decoded, and who looks at the records. */
  record Decoder<K, V>(
      Deserializer<? extends K> keys,
      Deserializer<? extends V> values,
      List<ConsumerInterceptor<K, V>> interceptors) {}

  /** Reads what there is, and leaves the records for later. */
  ConsumerRecords(@Nullable In in, Decoder<K, V> decoder) {
    this.in = in;
    this.decoder = decoder;
    List<Run> found = new ArrayList<>();
    int total = 0;
    int left = in == null ? 0 : in.int32();
    for (; in != null && left > 0; left--) {
      String topic = in.text();
      int partition = in.int32();
      int records = in.int32();
      int length = in.int32();
      found.add(new Run(topic, partition, records, in.position()));
      in.position(in.position() + length);
      total += records;
    }
    runs = found;
    count = total;
  }

  /** {@return how many records there are} */
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
    runs.forEach(run -> partitions.add(new TopicPartition(run.topic, run.partition)));
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
    List<Run> of =
        runs.stream()
            .filter(r -> r.partition == partition.partition() && r.topic.equals(partition.topic()))
            .toList();
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
    return Spliterators.spliterator(iterator(), count, traits);
  }

  /**
   * {@return the records in order, those of a partition by offset}
   *
   * <p>{@code next()} throws {@link RecordDeserializationException} for a record whose key or value
   * cannot be decoded; the record after it is next then.
   */
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
    private @Nullable Run run;
    private @Nullable In at;
    private int left;

    Records(List<Run> runs) {
      rest = runs.iterator();
    }

    @Override
    public boolean hasNext() {
      return left > 0 || rest.hasNext();
    }

    @Override
    public ConsumerRecord<K, V> next() {
      if (left == 0) {
        if (in == null || !rest.hasNext()) {
          throw new NoSuchElementException();
        }
        run = rest.next();
        at = in.from(run.position);
        left = run.count;
      }
      left--;
      return decode(run, at);
    }
  }

  private ConsumerRecord<K, V> decode(Run run, In at) {
    ConsumerRecord<byte[], byte[]> raw = raw(run.topic, run.partition, at);
    ConsumerRecord<K, V> record;
    try {
      byte[] key = raw.key();
      byte[] value = raw.value();
      Headers headers = raw.headers();
      record =
          raw.withKeyAndValue(
              key == null ? null : decoder.keys.deserialize(run.topic, headers, key),
              value == null ? null : decoder.values.deserialize(run.topic, headers, value));
    } catch (RuntimeException error) {
      throw new RecordDeserializationException(raw, error);
    }
    for (ConsumerInterceptor<K, V> interceptor : decoder.interceptors) {
      record = interceptor.onConsume(record);
    }
    return record;
  }

  private static ConsumerRecord<byte[], byte[]> raw(String topic, int partition, In in) {
    long offset = in.int64();
    long timestamp = in.int64();
    byte[] key = in.bytes();
    byte[] value = in.bytes();
    List<Header> headers = in.list(header -> new Header(header.text(), header.bytes()));
    return new ConsumerRecord<>(
        topic, partition, offset, timestamp, key, value, Headers.of(headers));
  }
}
