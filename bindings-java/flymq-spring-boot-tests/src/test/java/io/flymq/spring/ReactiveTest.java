package io.flymq.spring;

import static io.flymq.spring.Apps.app;
import static io.flymq.spring.Apps.committed;
import static io.flymq.spring.Apps.topic;
import static io.flymq.spring.Apps.until;
import static io.flymq.spring.Apps.values;
import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.client.ProducerRecord;
import io.flymq.client.errors.UnknownTopicException;
import io.flymq.spring.reactive.ReactiveFlyMQReceiver;
import io.flymq.spring.reactive.ReactiveFlyMQTemplate;
import io.flymq.spring.reactive.ReactiveRecord;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;

/** Sending and receiving with Reactor. */
class ReactiveTest {
  @Test
  @Tag("smoke")
  void sendsAndReceivesWithBackPressure() {
    String topic = topic(1);
    app()
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
              StepVerifier.create(receiver.receive(Integer.class, topic), 0)
                  .expectSubscription()
                  .thenRequest(1)
                  .assertNext(
                      record -> {
                        assertThat(record.value()).isZero();
                        record.acknowledge();
                      })
                  .thenRequest(2)
                  .assertNext(ReactiveRecord::acknowledge)
                  .assertNext(record -> assertThat(record.record().key()).isEqualTo("k"))
                  .thenCancel()
                  .verify(Apps.LONG);
              until(() -> committed(topic, topic) == 1);
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
