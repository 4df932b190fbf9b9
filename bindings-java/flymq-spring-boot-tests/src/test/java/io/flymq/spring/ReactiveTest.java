package io.flymq.spring;

import static io.flymq.spring.Apps.app;
import static io.flymq.spring.Apps.committed;
import static io.flymq.spring.Apps.topic;
import static io.flymq.spring.Apps.until;
import static io.flymq.spring.Apps.values;
import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.client.ProducerRecord;
import io.flymq.client.errors.UnknownTopicException;
import io.flymq.spring.converter.PayloadConverter;
import io.flymq.spring.reactive.ReactiveFlyMQReceiver;
import io.flymq.spring.reactive.ReactiveFlyMQTemplate;
import io.flymq.spring.reactive.ReactiveRecord;
import java.lang.reflect.Type;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;

/** Sending and receiving with Reactor. */
class ReactiveTest {
  /** Numbers as text, which counts how many were asked for. */
  static final class Counting implements PayloadConverter {
    final AtomicInteger converted = new AtomicInteger();

    @Override
    public byte[] toBytes(Object payload) {
      return payload.toString().getBytes();
    }

    @Override
    public Object fromBytes(byte[] data, Type type) {
      converted.incrementAndGet();
      return Integer.valueOf(new String(data));
    }
  }

  /** Asks for nothing by itself. */
  static final class Slow extends BaseSubscriber<ReactiveRecord<Integer>> {
    final List<ReactiveRecord<Integer>> received = new CopyOnWriteArrayList<>();

    @Override
    protected void hookOnSubscribe(Subscription subscription) {}

    @Override
    protected void hookOnNext(ReactiveRecord<Integer> record) {
      received.add(record);
    }
  }

  @Test
  @Tag("smoke")
  void sendsAndReceivesWithBackPressure() {
    String topic = topic(1);
    Counting counting = new Counting();
    app()
        .withBean(PayloadConverter.class, () -> counting)
        .withPropertyValues("flymq.consumer.group-id=" + topic)
        .run(
            context -> {
              ReactiveFlyMQTemplate template = context.getBean(ReactiveFlyMQTemplate.class);
              ReactiveFlyMQReceiver receiver = context.getBean(ReactiveFlyMQReceiver.class);
              StepVerifier.create(
                      template
                          .sendAll(
                              Flux.range(0, 1000)
                                  .map(i -> ProducerRecord.of(topic, "k", String.valueOf(i))))
                          .map(sent -> sent.metadata().offset()))
                  .expectNextSequence(Flux.range(0, 1000).map(i -> (long) i).toIterable())
                  .expectComplete()
                  .verify(Apps.LONG);
              Slow slow = new Slow();
              receiver.receive(Integer.class, topic).subscribe(slow);
              slow.request(1);
              until(() -> slow.received.size() == 1);
              slow.received.get(0).acknowledge();
              until(() -> committed(topic, topic) == 0);
              assertThat(counting.converted).hasValue(1);
              slow.request(2);
              until(() -> slow.received.size() == 3);
              slow.received.get(1).acknowledge();
              assertThat(slow.received.get(2).record().key()).isEqualTo("k");
              slow.cancel();
              until(() -> committed(topic, topic) == 1);
              assertThat(counting.converted).hasValue(3);
              // What was not acknowledged comes again.
              List<Integer> rest =
                  receiver
                      .receive(Integer.class, topic)
                      .doOnNext(ReactiveRecord::acknowledge)
                      .map(ReactiveRecord::value)
                      .take(998)
                      .collectList()
                      .block(Apps.LONG);
              assertThat(rest).hasSize(998).startsWith(2).endsWith(999);
              until(() -> committed(topic, topic) == 999);
            });
  }

  @Test
  void errorsReachSubscribers() {
    app()
        .withPropertyValues("flymq.producer.enqueue-timeout=1s")
        .run(
            context -> {
              StepVerifier.create(
                      context.getBean(ReactiveFlyMQTemplate.class).send("no-such-topic", "v"))
                  .expectError(UnknownTopicException.class)
                  .verify(Apps.LONG);
              StepVerifier.create(
                      context
                          .getBean(ReactiveFlyMQReceiver.class)
                          .receive(String.class, "no-such-topic"))
                  .expectErrorMatches(error -> error.getMessage().contains("has no group"))
                  .verify(Apps.LONG);
            });
  }

  @Test
  void valuesThatCannotBeConvertedBecomeDeadLetters() {
    String topic = topic(1);
    Apps.client().produce(topic, "no number");
    Apps.client().produce(topic, "7");
    app()
        .withPropertyValues("flymq.consumer.group-id=" + topic)
        .run(
            context -> {
              assertThat(
                      context
                          .getBean(ReactiveFlyMQReceiver.class)
                          .receive(Integer.class, topic)
                          .map(ReactiveRecord::value)
                          .blockFirst(Apps.LONG))
                  .isEqualTo(7);
              assertThat(values(topic + ".dlq")).containsExactly("no number");
            });
  }
}
