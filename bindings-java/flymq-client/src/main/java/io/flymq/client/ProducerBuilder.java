package io.flymq.client;

import io.flymq.client.internal.Call;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Options;
import io.flymq.client.internal.Out;
import io.flymq.client.serde.Serializer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Options of a producer. Made by {@link FlyMQClient#producer()}.
 *
 * @param <K> the keys' type
 * @param <V> the values' type
 */
public final class ProducerBuilder<K, V> {
  private final FlyMQClient client;
  private final Serializer<? super K> keys;
  private final Serializer<? super V> values;
  private final Options options = new Options();
  private final List<ProducerInterceptor<K, V>> interceptors = new ArrayList<>();
  private int maxUnconfirmed = SendingOptions.MAX_UNCONFIRMED;
  private Duration enqueueTimeout = SendingOptions.ENQUEUE_TIMEOUT;

  ProducerBuilder(FlyMQClient client, Serializer<? super K> keys, Serializer<? super V> values) {
    this.client = client;
    this.keys = keys;
    this.values = values;
  }

  /**
   * Sets an option by its name; {@code docs/options.md} lists all of them.
   *
   * @param name its name, such as {@code linger_ms}
   * @param value its value
   * @return this
   */
  public ProducerBuilder<K, V> option(String name, String value) {
    options.set(name, value);
    return this;
  }

  /**
   * Sets options by their names.
   *
   * @param values values by name
   * @return this
   */
  public ProducerBuilder<K, V> options(Map<String, String> values) {
    values.forEach(options::set);
    return this;
  }

  /**
   * How long a record may wait for others to share its batch. Default 5 ms.
   *
   * @param linger the time; 0 sends at once, with what came while earlier batches were under way
   * @return this
   */
  public ProducerBuilder<K, V> linger(Duration linger) {
    options.set("linger_ms", linger);
    return this;
  }

  /**
   * At what size a batch is sent without waiting longer. Default 128 KiB. One that has to wait for
   * others takes up to four times as much, but no more than 512 KiB.
   *
   * @param bytes the size
   * @return this
   */
  public ProducerBuilder<K, V> batchBytes(int bytes) {
    options.set("batch_bytes", bytes);
    return this;
  }

  /**
   * How many bytes of records may be unacknowledged; sending more waits. Default 32 MiB.
   *
   * @param bytes how many
   * @return this
   */
  public ProducerBuilder<K, V> bufferBytes(int bytes) {
    options.set("buffer_bytes", bytes);
    return this;
  }

  /**
   * How many batches of a partition may be under way at a time, 1 to 5. Default 5.
   *
   * @param batches how many
   * @return this
   */
  public ProducerBuilder<K, V> maxInFlight(int batches) {
    options.set("max_in_flight", batches);
    return this;
  }

  /**
   * How batches are compressed. Default not at all.
   *
   * @param compression how
   * @return this
   */
  public ProducerBuilder<K, V> compression(Compression compression) {
    return option("compression", compression.option());
  }

  /**
   * After how long a record that could not be delivered is given up. Default 120 s.
   *
   * @param timeout the time
   * @return this
   */
  public ProducerBuilder<K, V> deliveryTimeout(Duration timeout) {
    options.set("delivery_timeout_ms", timeout);
    return this;
  }

  /**
   * How many records may be unconfirmed; sending more waits. Default 50,000.
   *
   * @param records how many, 1 or more
   * @return this
   */
  public ProducerBuilder<K, V> maxUnconfirmed(int records) {
    this.maxUnconfirmed = records;
    return this;
  }

  /**
   * How long sending may wait for room, and for the topic's partitions to become known. Default 60 s.
   *
   * @param timeout the time; 0 for not at all
   * @return this
   */
  public ProducerBuilder<K, V> enqueueTimeout(Duration timeout) {
    this.enqueueTimeout = timeout;
    return this;
  }

  /**
   * Adds an interceptor behind those that were added before.
   *
   * @param interceptor looks at every record
   * @return this
   */
  public ProducerBuilder<K, V> interceptor(ProducerInterceptor<K, V> interceptor) {
    interceptors.add(interceptor);
    return this;
  }

  /**
   * Starts the producer.
   *
   * @return the producer
   * @throws io.flymq.client.errors.InvalidArgumentException for an option that is not valid
   */
  public Producer<K, V> build() {
    SendingOptions<K, V> sending =
        new SendingOptions<>(keys, values, interceptors, maxUnconfirmed, enqueueTimeout);
    Out out = new Out();
    options.write(out);
    return new Producer<>(
        client, Call.open(Native::producerOpen, client.handle(), out), sending);
  }
}
