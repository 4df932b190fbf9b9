package io.flymq.spring.reactive;

import io.flymq.client.ConsumerRecord;
import io.flymq.spring.converter.RecordConverter;
import io.flymq.spring.listener.AckMode;
import io.flymq.spring.listener.ContainerOptions;
import io.flymq.spring.listener.Delivery;
import io.flymq.spring.listener.FlyMQListenerContainer;
import io.flymq.spring.listener.FlyMQListenerContainerFactory;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.DisposableBean;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxSink;
import reactor.core.scheduler.Schedulers;

/**
 * Receives records with Reactor. Each subscription has a consumer of its own, which hands over no more than is asked
 * for, keeps its place in the group meanwhile, and is closed when the subscription ends. Records whose value cannot
 * be converted go to the error handler of listeners, and so, by default, to the topic of dead letters.
 */
public class ReactiveFlyMQReceiver implements DisposableBean {
  private static final AtomicLong NUMBERS = new AtomicLong();
  private static final Duration NEXT_POLL = Duration.ofMillis(1);

  private final FlyMQListenerContainerFactory containers;
  private final RecordConverter converter;
  private final Set<FlyMQListenerContainer> open = ConcurrentHashMap.newKeySet();

  /**
   * A receiver.
   *
   * @param containers makes what reads
   * @param converter makes values of bytes
   */
  public ReactiveFlyMQReceiver(
      FlyMQListenerContainerFactory containers, RecordConverter converter) {
    this.containers = containers;
    this.converter = converter;
  }

  /**
   * Receives records of topics for the group {@code flymq.consumer.group-id}.
   *
   * @param type what to make of values
   * @param topics the topics
   * @param <T> the values' type
   * @return the records, each to be acknowledged
   */
  public <T> Flux<ReactiveRecord<T>> receive(Class<T> type, String... topics) {
    return receive(type, null, List.of(topics));
  }

  /**
   * Receives records of topics for a group.
   *
   * @param type what to make of values
   * @param group the group; {@code null} for {@code flymq.consumer.group-id}
   * @param topics the topics
   * @param <T> the values' type
   * @return the records, each to be acknowledged
   */
  public <T> Flux<ReactiveRecord<T>> receive(
      Class<T> type, @Nullable String group, List<String> topics) {
    return Flux.<ReactiveRecord<T>>create(sink -> subscribe(type, group, topics, sink))
        .subscribeOn(Schedulers.boundedElastic(), false);
  }

  private <T> void subscribe(
      Class<T> type,
      @Nullable String group,
      List<String> topics,
      FluxSink<ReactiveRecord<T>> sink) {
    Emitter<T> emitter = new Emitter<>(type, sink);
    ContainerOptions options =
        containers
            .options()
            .topics(topics)
            .batch(false)
            .concurrency(1)
            .ackMode(AckMode.MANUAL)
            .failureListener(sink::error);
    if (group != null) {
      options.group(group);
    }
    FlyMQListenerContainer container =
        containers.create(
            "flymq-reactive-" + NUMBERS.incrementAndGet(), options, emitter::handle);
    open.add(container);
    sink.onRequest(count -> emitter.asked.release());
    sink.onDispose(
        () -> {
          open.remove(container);
          emitter.asked.release();
          // Stopping waits, which the thread that has cancelled must not have to.
          Schedulers.boundedElastic().schedule(container::stop);
        });
    container.start();
  }

  /** Ends all subscriptions. */
  @Override
  public void destroy() {
    open.forEach(FlyMQListenerContainer::stop);
  }

  private final class Emitter<T> {
    private final Class<T> type;
    private final FluxSink<ReactiveRecord<T>> sink;
    private final Semaphore asked = new Semaphore(0);

    Emitter(Class<T> type, FluxSink<ReactiveRecord<T>> sink) {
      this.type = type;
      this.sink = sink;
    }

    void handle(List<ConsumerRecord<byte[], byte[]>> records, Delivery delivery)
        throws InterruptedException {
      if (sink.requestedFromDownstream() == 0 && !sink.isCancelled()) {
        boolean more = asked.tryAcquire(1, TimeUnit.SECONDS);
        asked.drainPermits();
        if (!more || sink.requestedFromDownstream() == 0) {
          delivery.acknowledgment().nack(NEXT_POLL);
          return;
        }
      }
      if (sink.isCancelled()) {
        // Nobody acknowledges it, so that it is read again by whoever subscribes next.
        return;
      }
      ConsumerRecord<byte[], byte[]> record = records.get(0);
      ConsumerRecord<String, T> converted =
          record.withKeyAndValue(
              (String) converter.keyFromBytes(record.key(), String.class),
              type.cast(converter.fromBytes(record.value(), type)));
      sink.next(new ReactiveRecord<>(converted, delivery.acknowledgment()::acknowledge));
    }
  }
}
