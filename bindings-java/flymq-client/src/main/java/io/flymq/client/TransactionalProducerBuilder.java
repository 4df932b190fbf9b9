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
 * Options of a transactional producer. Made by {@link FlyMQClient#transactionalProducer(String)}.
 *
 * @param <K> the keys' type
 * @param <V> the values' type
 */
public final class TransactionalProducerBuilder<K, V> {
  private final FlyMQClient client;
  private final String transactionalId;
  private final Serializer<? super K> keys;
  private final Serializer<? super V> values;
  private final Options options = new Options();
  private final List<ProducerInterceptor<K, V>> interceptors = new ArrayList<>();
  private int maxUnconfirmed = SendingOptions.MAX_UNCONFIRMED;
  private Duration enqueueTimeout = SendingOptions.ENQUEUE_TIMEOUT;

  TransactionalProducerBuilder(
      FlyMQClient client,
      String transactionalId,
      Serializer<? super K> keys,
      Serializer<? super V> values) {
    this.client = client;
    this.transactionalId = transactionalId;
    this.keys = keys;
    this.values = values;
  }

  /**
   * Sets an option by its name; {@code docs/options.md} lists all of them.
   *
   * @param name its name, such as {@code transaction_timeout_ms}
   * @param value its value
   * @return this
   */
  public TransactionalProducerBuilder<K, V> option(String name, String value) {
    options.set(name, value);
    return this;
  }

  /**
   * Sets options by their names.
   *
   * @param values values by name
   * @return this
   */
  public TransactionalProducerBuilder<K, V> options(Map<String, String> values) {
    values.forEach(options::set);
    return this;
  }

  /**
   * How long a transaction may be open before the broker aborts it, 1 ms to 15 min. Default 15 s.
   *
   * @param timeout the time
   * @return this
   */
  public TransactionalProducerBuilder<K, V> transactionTimeout(Duration timeout) {
    options.set("transaction_timeout_ms", timeout);
    return this;
  }

  /**
   * How long a record may wait for others to share its batch; a commit does not wait for it. Default
   * 5 ms.
   *
   * @param linger the time
   * @return this
   */
  public TransactionalProducerBuilder<K, V> linger(Duration linger) {
    options.set("linger_ms", linger);
    return this;
  }

  /**
   * How batches are compressed. Default not at all.
   *
   * @param compression how
   * @return this
   */
  public TransactionalProducerBuilder<K, V> compression(Compression compression) {
    return option("compression", compression.option());
  }

  /**
   * How many records may be unconfirmed; sending more waits. Default 50,000.
   *
   * @param records how many, 1 or more
   * @return this
   */
  public TransactionalProducerBuilder<K, V> maxUnconfirmed(int records) {
    this.maxUnconfirmed = records;
    return this;
  }

  /**
   * How long sending may wait for room. Default 60 s.
   *
   * @param timeout the time; 0 for not at all
   * @return this
   */
  public TransactionalProducerBuilder<K, V> enqueueTimeout(Duration timeout) {
    this.enqueueTimeout = timeout;
    return this;
  }

  /**
   * Adds an interceptor behind those that were added before.
   *
   * @param interceptor looks at every record
   * @return this
   */
  public TransactionalProducerBuilder<K, V> interceptor(ProducerInterceptor<K, V> interceptor) {
    interceptors.add(interceptor);
    return this;
  }

  /**
   * Starts the producer and fences older ones of its name: what they have open is aborted, and they can
   * do nothing more.
   *
   * @return the producer
   * @throws io.flymq.client.errors.InvalidArgumentException for an option that is not valid
   */
  public TransactionalProducer<K, V> build() {
    SendingOptions<K, V> sending =
        new SendingOptions<>(keys, values, interceptors, maxUnconfirmed, enqueueTimeout);
    Out out = new Out().text(transactionalId);
    options.write(out);
    long number = Call.open(Native::transactionalOpen, client.handle(), out);
    return new TransactionalProducer<>(client, number, transactionalId, sending);
  }
}
