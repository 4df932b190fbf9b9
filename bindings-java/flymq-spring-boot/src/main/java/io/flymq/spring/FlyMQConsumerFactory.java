package io.flymq.spring;

import io.flymq.client.Consumer;
import io.flymq.client.ConsumerBuilder;
import io.flymq.client.FlyMQClient;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Makes consumers of bytes with common options. */
public class FlyMQConsumerFactory {
  private final FlyMQClient client;
  private final Map<String, String> options;
  private final int maxPollRecords;
  private final List<FlyMQConsumerCustomizer> customizers;

  /**
   * A factory.
   *
   * @param client the client to read through
   * @param options options by name, as {@code docs/options.md} lists them
   * @param maxPollRecords how many records a poll returns at most
   * @param customizers change options of each consumer
   */
  public FlyMQConsumerFactory(
      FlyMQClient client,
      Map<String, String> options,
      int maxPollRecords,
      List<FlyMQConsumerCustomizer> customizers) {
    this.client = client;
    this.options = Map.copyOf(options);
    this.maxPollRecords = maxPollRecords;
    this.customizers = List.copyOf(customizers);
  }

  /** {@return the client that consumers read through} */
  public FlyMQClient client() {
    return client;
  }

  /** {@return the group of consumers that name no other; {@code null} if there is none} */
  public @Nullable String group() {
    return options.get("group");
  }

  /**
   * Starts a consumer.
   *
   * @param overrides options by name that go before the common ones
   * @param last has the last word on its options
   * @return the consumer, which is the caller's to close
   */
  public Consumer<byte[], byte[]> create(
      Map<String, String> overrides, UnaryOperator<ConsumerBuilder<byte[], byte[]>> last) {
    ConsumerBuilder<byte[], byte[]> builder =
        client.consumer().options(options).maxPollRecords(maxPollRecords);
    customizers.forEach(customizer -> customizer.customize(builder));
    return last.apply(builder.options(overrides)).build();
  }
}
