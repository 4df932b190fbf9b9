package io.flymq.spring.boot;

import io.flymq.client.ProducerBuilder;
import io.flymq.client.TransactionalProducerBuilder;
import java.time.Duration;
import java.util.Map;

/** What the properties mean for the core. */
final class Options {
  private Options() {}

  static Map<String, String> client(FlyMQProperties properties) {
    RetryProperties retry = properties.getRetry();
    SslProperties ssl = properties.getSsl();
    EncryptionProperties encryption = properties.getEncryption();
    return new OptionMap()
        .put("client_id", properties.getClientId())
        .put("connect_timeout_ms", properties.getConnectTimeout())
        .put("request_timeout_ms", properties.getRequestTimeout())
        .put("backoff_initial_ms", retry.getInitialBackoff())
        .put("backoff_max_ms", retry.getMaxBackoff())
        .put("password_file", properties.getPasswordFile())
        .put(
            "sasl_mechanism",
            properties.getSaslMechanism() == null ? null : properties.getSaslMechanism().option())
        .put("allow_plain_without_tls", properties.getAllowPlainWithoutTls())
        .put("tls_enabled", ssl.getEnabled())
        .put("tls_server_name", ssl.getServerName())
        .put("tls_min_version", ssl.getMinVersion())
        .put("tls_insecure_skip_verify", ssl.getInsecureSkipVerify())
        .put("encryption_keyring_file", encryption.getKeyringFile())
        .put("encrypt_headers", encryption.getHeaders())
        .put("refuse_plain", encryption.getRefusePlain())
        .putAll(properties.getProperties())
        .toMap();
  }

  private static OptionMap sending(ProducerProperties producer) {
    return new OptionMap()
        .put("linger_ms", producer.getLinger())
        .put("batch_bytes", producer.getBatchSize())
        .put("buffer_bytes", producer.getBufferSize())
        .put("max_in_flight", producer.getMaxInFlight())
        .put(
            "compression",
            producer.getCompression() == null ? null : producer.getCompression().option());
  }

  static ProducerBuilder<byte[], byte[]> apply(
      ProducerProperties producer, ProducerBuilder<byte[], byte[]> builder) {
    Integer maxUnconfirmed = producer.getMaxUnconfirmed();
    if (maxUnconfirmed != null) {
      builder.maxUnconfirmed(maxUnconfirmed);
    }
    Duration enqueueTimeout = producer.getEnqueueTimeout();
    if (enqueueTimeout != null) {
      builder.enqueueTimeout(enqueueTimeout);
    }
    return builder.options(
        sending(producer)
            .put("delivery_timeout_ms", producer.getDeliveryTimeout())
            .putAll(producer.getProperties())
            .toMap());
  }

  static TransactionalProducerBuilder<byte[], byte[]> apply(
      ProducerProperties producer, TransactionalProducerBuilder<byte[], byte[]> builder) {
    Integer maxUnconfirmed = producer.getMaxUnconfirmed();
    if (maxUnconfirmed != null) {
      builder.maxUnconfirmed(maxUnconfirmed);
    }
    Duration enqueueTimeout = producer.getEnqueueTimeout();
    if (enqueueTimeout != null) {
      builder.enqueueTimeout(enqueueTimeout);
    }
    Map<String, String> options =
        sending(producer)
            .put("transaction_timeout_ms", producer.getTransactionTimeout())
            .putAll(producer.getProperties())
            .toMap();
    // A transaction has a time of its own.
    options.remove("delivery_timeout_ms");
    return builder.options(options);
  }

  static Map<String, String> consumer(ConsumerProperties consumer) {
    return new OptionMap()
        .put("group", consumer.getGroupId())
        .put(
            "auto_offset_reset",
            consumer.getAutoOffsetReset() == null ? null : consumer.getAutoOffsetReset().option())
        .put(
            "isolation", consumer.getIsolation() == null ? null : consumer.getIsolation().option())
        .put("assignor", consumer.getAssignor() == null ? null : consumer.getAssignor().option())
        .put("max_poll_interval_ms", consumer.getMaxPollInterval())
        .put("session_timeout_ms", consumer.getSessionTimeout())
        .put("rebalance_timeout_ms", consumer.getRebalanceTimeout())
        .put("max_wait_ms", consumer.getFetchMaxWait())
        .put("min_bytes", consumer.getFetchMinSize())
        .put("fetch_bytes", consumer.getFetchSize())
        .put("prefetch_bytes", consumer.getPrefetchSize())
        .put("on_undecryptable", consumer.getOnUndecryptable())
        .putAll(consumer.getProperties())
        .toMap();
  }
}
