package io.flymq.spring.reactive;

import io.flymq.client.ProducerRecord;
import io.flymq.spring.FlyMQTemplate;
import io.flymq.spring.SendResult;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** Sends with Reactor what the {@link FlyMQTemplate} sends. Nothing is sent before it is subscribed to. */
public class ReactiveFlyMQTemplate {
  private static final int CONCURRENCY = 256;

  private final FlyMQTemplate template;

  /**
   * A template.
   *
   * @param template what it sends through
   */
  public ReactiveFlyMQTemplate(FlyMQTemplate template) {
    this.template = template;
  }

  /**
   * Sends a record without a key.
   *
   * @param topic the topic
   * @param payload text, bytes, or an object to convert
   * @return where it was stored, once it is
   */
  public Mono<SendResult> send(String topic, @Nullable Object payload) {
    return send(ProducerRecord.of(topic, payload));
  }

  /**
   * Sends a record with a key.
   *
   * @param topic the topic
   * @param key text, bytes, a number or a UUID, or an object to convert
   * @param payload text, bytes, or an object to convert; {@code null} marks the key as deleted
   * @return where it was stored, once it is
   */
  public Mono<SendResult> send(String topic, @Nullable Object key, @Nullable Object payload) {
    return send(ProducerRecord.of(topic, key, payload));
  }

  /**
   * Sends a record. On a thread that may wait for room in the producer.
   *
   * @param record the record
   * @return where it was stored, once it is
   */
  public Mono<SendResult> send(ProducerRecord<?, ?> record) {
    return Mono.fromFuture(() -> template.send(record), true)
        .subscribeOn(Schedulers.boundedElastic());
  }

  /**
   * Sends records in their order, up to 256 of them under way at a time; more are asked for as those are stored.
   *
   * @param records the records
   * @return where they were stored, in their order; the first error ends it
   */
  public Flux<SendResult> sendAll(Publisher<? extends ProducerRecord<?, ?>> records) {
    return Flux.from(records)
        .publishOn(Schedulers.boundedElastic())
        .flatMapSequential(
            record -> Mono.fromFuture(template.send(record), true), CONCURRENCY);
  }
}
