package io.flymq.spring;

import static io.flymq.spring.Apps.app;
import static io.flymq.spring.Apps.committed;
import static io.flymq.spring.Apps.topic;
import static io.flymq.spring.Apps.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.client.ConsumerRecord;
import io.flymq.spring.listener.Acknowledgment;
import io.flymq.spring.listener.Delivery;
import io.flymq.spring.listener.FlyMQListener;
import io.flymq.spring.listener.FlyMQListenerRegistry;
import io.flymq.spring.listener.ListenerInterceptor;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.Configuration;

/** When records count as processed, and how containers are started and stopped. */
class ContainerTest {
  @Configuration(proxyBeanMethods = false)
  static class Manual {
    final List<Acknowledgment> said = new CopyOnWriteArrayList<>();

    @FlyMQListener(topics = "${topic}", group = "${topic}", ackMode = "${mode}")
    void handle(String text, Acknowledgment acknowledgment) {
      said.add(acknowledgment);
    }
  }

  @Test
  void manualAcknowledgmentsCountWithoutGapsInAnyOrder() {
    for (String mode : List.of("manual", "MANUAL_IMMEDIATE")) {
      String topic = topic(1);
      app()
          .withUserConfiguration(Manual.class)
          .withPropertyValues("topic=" + topic, "mode=" + mode)
          .run(
              context -> {
                for (int i = 0; i < 4; i++) {
                  Apps.client().produce(topic, "v" + i);
                }
                List<Acknowledgment> said = context.getBean(Manual.class).said;
                until(() -> said.size() == 4);
                said.get(1).acknowledge();
                said.get(2).acknowledge();
                assertThat(committed(topic, topic)).isEqualTo(-1);
                said.get(0).acknowledge();
                said.get(0).acknowledge();
                until(() -> committed(topic, topic) == 2);
              });
      assertThat(committed(topic, topic)).isEqualTo(2);
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class Slow {
    final CountDownLatch entered = new CountDownLatch(1);
    final CountDownLatch finish = new CountDownLatch(1);

    @FlyMQListener(topics = "${topic}", group = "${topic}", ackMode = "${mode}")
    void handle(String text) throws InterruptedException {
      if (text.equals("b")) {
        entered.countDown();
        finish.await();
      }
    }
  }

  /** What surely is committed while the second one is handled is the difference. */
  @Test
  void recordsCountBeforeTheNextOneOrInTheBackground() {
    for (String mode : List.of("RECORD", "BATCH")) {
      String topic = topic(1);
      Apps.client().produce(topic, "a");
      Apps.client().produce(topic, "b");
      app()
          .withUserConfiguration(Slow.class)
          .withPropertyValues("topic=" + topic, "mode=" + mode)
          .run(
              context -> {
                Slow slow = context.getBean(Slow.class);
                slow.entered.await();
                if (mode.equals("RECORD")) {
                  assertThat(committed(topic, topic)).isEqualTo(0);
                }
                slow.finish.countDown();
                until(() -> committed(topic, topic) == 1);
              });
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class Nack {
    final Calls calls = new Calls();

    @FlyMQListener(topics = "${topic}", group = "${topic}", ackMode = "RECORD")
    void handle(String text, Delivery delivery) {
      calls.add(text, delivery.attempt());
      if (text.equals("b") && delivery.attempt() < 3) {
        delivery.acknowledgment().nack(Duration.ofMillis(10));
      }
    }
  }

  @Test
  void nackHasARecordHandedOverAgainInItsPlace() {
    String topic = topic(1);
    for (String value : List.of("a", "b", "c")) {
      Apps.client().produce(topic, value);
    }
    app()
        .withUserConfiguration(Nack.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              until(() -> committed(topic, topic) == 2);
              assertThat(context.getBean(Nack.class).calls)
                  .containsExactly(
                      List.of("a", 1),
                      List.of("b", 1),
                      List.of("b", 2),
                      List.of("b", 3),
                      List.of("c", 1));
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Pausing {
    final AtomicInteger handled = new AtomicInteger();
    final AtomicInteger witnessed = new AtomicInteger();

    @FlyMQListener(id = "pausing", topics = "${topic}", group = "${topic}", autoStartup = "false")
    void handle(String text) {
      handled.incrementAndGet();
    }

    @FlyMQListener(topics = "${topic}", group = "${topic}-witness")
    void witness(String text) {
      witnessed.incrementAndGet();
    }
  }

  @Test
  void containersStartPauseResumeAndStopOnRequest() {
    String topic = topic(1);
    app()
        .withUserConfiguration(Pausing.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              Pausing listener = context.getBean(Pausing.class);
              var container = context.getBean(FlyMQListenerRegistry.class).container("pausing");
              assertThat(container.isRunning()).isFalse();
              container.start();
              Apps.client().produce(topic, "1");
              until(() -> listener.handled.get() == 1);

              container.pause();
              for (int i = 2; i <= 20; i++) {
                Apps.client().produce(topic, "later");
                int all = i;
                until(() -> listener.witnessed.get() == all);
              }
              container.stop();
              assertThat(container.isRunning()).isFalse();
              assertThat(listener.handled).hasValue(1);

              container.start();
              assertThat(container.isPaused()).isTrue();
              container.resume();
              until(() -> listener.handled.get() == 20);
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Intercepted extends Pausing implements ListenerInterceptor {
    final Calls calls = new Calls();

    @Override
    public void before(List<ConsumerRecord<byte[], byte[]>> records) {
      calls.add("before", records.size());
    }

    @Override
    public void after(List<ConsumerRecord<byte[], byte[]>> records, Throwable error) {
      calls.add("after", error == null);
    }
  }

  @Test
  void interceptorsAreToldOfEveryCall() {
    String topic = topic(1);
    app()
        .withUserConfiguration(Intercepted.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              context.getBean(FlyMQListenerRegistry.class).container("pausing").start();
              Apps.client().produce(topic, "1");
              Calls calls = context.getBean(Intercepted.class).calls;
              until(() -> calls.size() == 4);
              assertThat(calls).contains(List.of("before", 1), List.of("after", true));
            });
  }
}
