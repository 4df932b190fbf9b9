package io.flymq.spring;

import static io.flymq.spring.Apps.app;
import static io.flymq.spring.Apps.committed;
import static io.flymq.spring.Apps.records;
import static io.flymq.spring.Apps.topic;
import static io.flymq.spring.Apps.until;
import static io.flymq.spring.Apps.values;
import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.client.NewTopic;
import io.flymq.client.TopicPartition;
import io.flymq.spring.boot.FlyMQHealth;
import io.flymq.spring.listener.BatchFailedException;
import io.flymq.spring.listener.ConsumerStatus;
import io.flymq.spring.listener.Delivery;
import io.flymq.spring.listener.FlyMQListener;
import io.flymq.spring.listener.FlyMQListenerRegistry;
import io.flymq.spring.listener.RecordRecoverer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** What becomes of records that a listener cannot handle. */
class ErrorHandlingTest {
  record Order(String id) {}

  @Configuration(proxyBeanMethods = false)
  static class Failing {
    final ConcurrentLinkedQueue<String> handled = new ConcurrentLinkedQueue<>();

    @FlyMQListener(topics = "${topic}", group = "${topic}", ackMode = "${mode:BATCH}")
    void handle(String text, Delivery delivery) {
      handled.add(text + delivery.attempt());
      if (text.equals("bad")) {
        throw new IllegalArgumentException("cannot handle this");
      }
      if (text.equals("shy") && delivery.attempt() == 1) {
        throw new IllegalStateException("not yet");
      }
      delivery.acknowledgment().acknowledge();
    }
  }

  @Test
  void recordsAreTriedAgainAndThenBecomeDeadLetters() {
    for (String mode : List.of("RECORD", "BATCH", "MANUAL")) {
      String topic = topic(1);
      Apps.client().produce(topic, "k", "a");
      Apps.client().produce(topic, "k", "shy");
      Apps.client().produce(topic, "k", "bad");
      Apps.client().produce(topic, "k", "b");
      app()
          .withUserConfiguration(Failing.class)
          .withPropertyValues("topic=" + topic, "mode=" + mode)
          .run(
              context -> {
                until(() -> committed(topic, topic) == 3);
                assertThat(context.getBean(Failing.class).handled)
                    .containsExactly("a1", "shy1", "shy2", "bad1", "bad2", "bad3", "b1");
              });
      var letters = records(topic + ".dlq");
      assertThat(letters).hasSize(1);
      var letter = letters.get(0);
      assertThat(Apps.text(letter.key())).isEqualTo("k");
      assertThat(Apps.text(letter.value())).isEqualTo("bad");
      assertThat(letter.headers().text(FlyMQHeaders.DLQ_TOPIC)).isEqualTo(topic);
      assertThat(letter.headers().text(FlyMQHeaders.DLQ_PARTITION)).isEqualTo("0");
      assertThat(letter.headers().text(FlyMQHeaders.DLQ_OFFSET)).isEqualTo("2");
      assertThat(letter.headers().text(FlyMQHeaders.DLQ_GROUP)).isEqualTo(topic);
      assertThat(letter.headers().text(FlyMQHeaders.DLQ_EXCEPTION))
          .isEqualTo(IllegalArgumentException.class.getName());
      assertThat(letter.headers().text(FlyMQHeaders.DLQ_ERROR)).contains("cannot handle this");
    }
  }

  @Test
  void someExceptionsAreNotWorthATry() {
    String topic = topic(1);
    Apps.client().produce(topic, "bad");
    app()
        .withUserConfiguration(Failing.class)
        .withPropertyValues(
            "topic=" + topic,
            "flymq.listener.retry.not-retryable=java.lang.IllegalArgumentException",
            "flymq.listener.dead-letter.suffix=-lost")
        .run(
            context -> {
              until(() -> committed(topic, topic) == 0);
              assertThat(context.getBean(Failing.class).handled).containsExactly("bad1");
              assertThat(values(topic + "-lost")).containsExactly("bad");
            });
  }

  @Test
  void withoutDeadLettersRecordsThatAreGivenUpArePassedOver() {
    String topic = topic(1);
    Apps.client().produce(topic, "bad");
    Apps.client().produce(topic, "b");
    app()
        .withUserConfiguration(Failing.class)
        .withPropertyValues("topic=" + topic, "flymq.listener.dead-letter.enabled=false")
        .run(
            context -> {
              until(() -> committed(topic, topic) == 1);
              assertThat(Apps.client().admin().listTopics()).doesNotContainKey(topic + ".dlq");
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Json {
    @FlyMQListener(topics = "${topic}", group = "${topic}")
    void handle(Order order) {}
  }

  @Test
  void valuesThatAreNoJsonBecomeDeadLettersAtOnce() {
    String topic = topic(3);
    Apps.client()
        .produce(io.flymq.client.ProducerRecord.<byte[], byte[]>of(topic, "{".getBytes()).withPartition(2));
    app()
        .withUserConfiguration(Json.class)
        .withPropertyValues("topic=" + topic, "flymq.listener.retry.initial-interval=1h")
        .run(
            context -> {
              TopicPartition same = new TopicPartition(topic + ".dlq", 2);
              until(() -> Apps.client().admin().listTopics().containsKey(topic + ".dlq"));
              until(() -> Apps.client().admin().latest(same) == 1);
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Batch {
    final ConcurrentLinkedQueue<List<String>> handled = new ConcurrentLinkedQueue<>();

    @FlyMQListener(topics = "${topic}", group = "${topic}", batch = true)
    void handle(List<String> batch) {
      handled.add(batch);
      int bad = batch.indexOf("bad");
      if (bad >= 0) {
        throw new BatchFailedException(bad, new IllegalArgumentException("bad"));
      }
    }
  }

  @Test
  void batchesGoOnBehindTheRecordThatFailed() {
    String topic = topic(1);
    for (String value : List.of("a", "b", "bad", "c")) {
      Apps.client().produce(topic, value);
    }
    app()
        .withUserConfiguration(Batch.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              until(() -> committed(topic, topic) == 3);
              assertThat(values(topic + ".dlq")).containsExactly("bad");
              List<String> all = new ArrayList<>();
              context.getBean(Batch.class).handled.forEach(all::addAll);
              assertThat(all.stream().filter("a"::equals)).hasSize(1);
              assertThat(all.stream().filter("bad"::equals)).hasSize(3);
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Recovering extends Failing {
    final AtomicBoolean broken = new AtomicBoolean(true);
    final AtomicInteger refused = new AtomicInteger();

    @Bean
    RecordRecoverer recoverer() {
      return (record, failure) -> {
        if (broken.get()) {
          refused.incrementAndGet();
          throw new IllegalStateException("no room for dead letters");
        }
      };
    }
  }

  @Test
  void recordsThatCannotBecomeDeadLettersAreKept() {
    String topic = topic(1);
    Apps.client().produce(topic, "bad");
    app()
        .withUserConfiguration(Recovering.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              Recovering listener = context.getBean(Recovering.class);
              until(() -> listener.refused.get() >= 2);
              assertThat(committed(topic, topic)).isEqualTo(-1);
              listener.broken.set(false);
              until(() -> committed(topic, topic) == 0);
            });
  }

  @Test
  void retriesDoNotLoseTheConsumersPlaceInItsGroup() {
    String topic = topic(1);
    Apps.client().produce(topic, "bad");
    app()
        .withUserConfiguration(Failing.class)
        .withPropertyValues(
            "topic=" + topic,
            "flymq.consumer.max-poll-interval=300ms",
            "flymq.listener.retry.initial-interval=900ms",
            "flymq.listener.retry.multiplier=1")
        .run(
            context -> {
              until(() -> committed(topic, topic) == 0);
              // A consumer that had lost its place would have begun to count anew.
              assertThat(context.getBean(Failing.class).handled)
                  .containsExactly("bad1", "bad2", "bad3");
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Fatal {
    final CountDownLatch called = new CountDownLatch(1);

    @FlyMQListener(id = "fatal", topics = "${topic}", group = "${topic}")
    void handle(String text) {
      called.countDown();
      throw new NoClassDefFoundError("of the listener");
    }
  }

  @Test
  void anErrorEndsTheListenerAndIsTold() {
    String topic = topic(1);
    app()
        .withUserConfiguration(Fatal.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              FlyMQHealth health = context.getBean(FlyMQHealth.class);
              assertThat(health.check().up()).isTrue();
              Apps.client().produce(topic, "1");
              context.getBean(Fatal.class).called.await();
              until(() -> !health.check().up());
              assertThat(health.check().details().get("listeners").toString())
                  .contains("FAILED")
                  .contains("of the listener");
              assertThat(committed(topic, topic)).isEqualTo(-1);
              var container = context.getBean(FlyMQListenerRegistry.class).container("fatal");
              assertThat(container.status().get(0).state())
                  .isEqualTo(ConsumerStatus.State.FAILED);
              Apps.client().admin().deleteTopic(topic);
              Apps.client().admin().createTopic(NewTopic.of(topic, 1));
              container.stop();
              container.start();
              assertThat(health.check().up()).isTrue();
            });
  }
}
