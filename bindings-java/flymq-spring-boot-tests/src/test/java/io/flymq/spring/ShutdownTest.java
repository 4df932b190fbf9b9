package io.flymq.spring;

import static io.flymq.spring.Apps.app;
import static io.flymq.spring.Apps.committed;
import static io.flymq.spring.Apps.topic;
import static io.flymq.spring.Apps.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.spring.listener.Delivery;
import io.flymq.spring.listener.FlyMQListener;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Applications that stop while listeners are at work. */
class ShutdownTest {
  @Configuration(proxyBeanMethods = false)
  static class Application {
    static final ConcurrentLinkedQueue<String> handled = new ConcurrentLinkedQueue<>();
    static final AtomicInteger polled = new AtomicInteger();
    static CountDownLatch first;
    static CountDownLatch goOn;

    Application() {
      handled.clear();
      polled.set(0);
      first = new CountDownLatch(1);
      goOn = new CountDownLatch(1);
    }

    @Bean
    FlyMQConsumerCustomizer countsWhatIsPolled() {
      return builder ->
          builder.interceptor(
              record -> {
                polled.incrementAndGet();
                return record;
              });
    }

    @FlyMQListener(topics = "${topic}", group = "${topic}")
    void handle(String text, Delivery delivery) throws InterruptedException {
      first.countDown();
      goOn.await();
      if (text.equals("bad")) {
        handled.add("bad" + delivery.attempt());
        throw new IllegalStateException("bad");
      }
      handled.add(text);
    }
  }

  @Test
  void whatWasPolledIsHandledAndCommitted() {
    String topic = topic(1);
    for (int i = 0; i < 100; i++) {
      Apps.client().produce(topic, String.valueOf(i));
    }
    app()
        .withUserConfiguration(Application.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              Application.first.await();
              Thread closing = new Thread(context::close);
              closing.start();
              until(() -> closing.getState() == Thread.State.TIMED_WAITING);
              Application.goOn.countDown();
              closing.join();
            });
    assertThat(Application.polled.get()).isGreaterThan(1);
    assertThat(Application.handled).hasSize(Application.polled.get());
    assertThat(committed(topic, topic)).isEqualTo(Application.polled.get() - 1);
  }

  @Test
  void whatTakesTooLongIsInterruptedAndReadAgainLater() {
    String topic = topic(1);
    Apps.client().produce(topic, "1");
    var runner =
        app()
            .withUserConfiguration(Application.class)
            .withPropertyValues("topic=" + topic, "flymq.listener.shutdown-timeout=100ms");
    runner.run(context -> Application.first.await());
    assertThat(Application.handled).isEmpty();
    assertThat(committed(topic, topic)).isEqualTo(-1);
    runner.run(
        context -> {
          Application.goOn.countDown();
          until(() -> committed(topic, topic) == 0);
        });
  }

  @Test
  void aRecordThatWaitsForItsNextTryDoesNotHoldUpTheEnd() {
    String topic = topic(1);
    Apps.client().produce(topic, "a");
    Apps.client().produce(topic, "bad");
    app()
        .withUserConfiguration(Application.class)
        .withPropertyValues(
            "topic=" + topic,
            "flymq.listener.shutdown-timeout=60s",
            "flymq.listener.retry.initial-interval=1h",
            "flymq.listener.retry.max-interval=1h")
        .run(
            context -> {
              Application.goOn.countDown();
              until(() -> Application.handled.contains("bad1"));
            });
    assertThat(committed(topic, topic)).isEqualTo(0);
  }
}
