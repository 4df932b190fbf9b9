package io.flymq.client;

import io.flymq.client.errors.ErrorCode;
import io.flymq.client.errors.FlyMQException;
import io.flymq.client.internal.Errors;
import io.flymq.client.internal.Handle;
import io.flymq.client.internal.Sender;
import io.flymq.client.serde.Serializer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/** How records are sent, by producers and in transactions. */
record SendingOptions<K, V>(
    Serializer<? super K> keys,
    Serializer<? super V> values,
    List<ProducerInterceptor<K, V>> interceptors,
    int maxUnconfirmed,
    Duration enqueueTimeout) {
  static final int MAX_UNCONFIRMED = 50_000;
  static final Duration ENQUEUE_TIMEOUT = Duration.ofSeconds(60);

  SendingOptions {
    if (maxUnconfirmed < 1) {
      throw Errors.invalid("maxUnconfirmed is 1 or more, not " + maxUnconfirmed);
    }
    interceptors = List.copyOf(interceptors);
  }

  static <K, V> SendingOptions<K, V> of(Serializer<K> keys, Serializer<V> values) {
    return new SendingOptions<>(keys, values, List.of(), MAX_UNCONFIRMED, ENQUEUE_TIMEOUT);
  }

  Sender sender(Object owner, Handle handle, Executor executor) {
    return new Sender(owner, handle, maxUnconfirmed, enqueueTimeout, executor);
  }

  CompletableFuture<RecordMetadata> send(Sender sender, ProducerRecord<K, V> given) {
    ProducerRecord<K, V> record = given;
    for (ProducerInterceptor<K, V> interceptor : interceptors) {
      record = interceptor.onSend(record);
    }
    CompletableFuture<RecordMetadata> stored;
    try {
      stored = sender.send(serialize(record));
    } catch (FlyMQException error) {
      if (error.code() != ErrorCode.SERIALIZATION.code()) {
        throw error;
      }
      stored = CompletableFuture.failedFuture(error);
    }
    for (ProducerInterceptor<K, V> interceptor : interceptors) {
      ProducerRecord<K, V> sent = record;
      stored = stored.whenComplete((where, error) -> interceptor.onResult(sent, where, error));
    }
    return stored;
  }

  private ProducerRecord<byte[], byte[]> serialize(ProducerRecord<K, V> record) {
    String topic = record.topic();
    K key = record.key();
    V value = record.value();
    try {
      return record.withKeyAndValue(
          key == null ? null : keys.serialize(topic, key),
          value == null ? null : values.serialize(topic, value));
    } catch (RuntimeException error) {
      FlyMQException failure =
          ErrorCode.SERIALIZATION.exception(
              "a record for topic " + topic + " cannot be turned into bytes: " + error);
      failure.initCause(error);
      throw failure;
    }
  }
}
