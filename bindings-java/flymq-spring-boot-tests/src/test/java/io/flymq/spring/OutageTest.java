package io.flymq.spring;

import static io.flymq.spring.Apps.bare;
import static io.flymq.spring.Apps.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.client.EmbeddedBroker;
import io.flymq.client.NewTopic;
import io.flymq.spring.boot.FlyMQHealth;
import io.flymq.spring.listener.FlyMQListener;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.messaging.handler.annotation.SendTo;

/** Brokers that stop and come back while an application works. */
class OutageTest {
  @TempDir Path folder;

  @Configuration(proxyBeanMethods = false)
  static class Application {
    final Set<String> stepOne = ConcurrentHashMap.newKeySet();
    final Set<String> stepTwo = ConcurrentHashMap.newKeySet();

    @Bean
    NewTopic one() {
      return NewTopic.of("one", 4);
    }

    @Bean
    NewTopic two() {
      return NewTopic.of("two", 4);
    }

    @FlyMQListener(topics = "one", group = "one", concurrency = "2")
    @SendTo("two")
    String forward(String text) {
      stepOne.add(text);
      return text;
    }

    @FlyMQListener(topics = "two", group = "two", batch = true)
    void collect(List<String> texts) {
      stepTwo.addAll(texts);
    }
  }

  private EmbeddedBroker start(int port) {
    return EmbeddedBroker.builder().dataDir(folder).port(port).start();
  }

  @Test
  @Tag("smoke")
  void nothingIsLostAndListenersGoOnByThemselves() {
    EmbeddedBroker first = start(0);
    int port = first.port();
    List<EmbeddedBroker> brokers = new ArrayList<>(List.of(first));
    try {
      bare()
          .withUserConfiguration(Application.class)
          .withPropertyValues(
              "flymq.bootstrap-servers=" + first.address(),
              "flymq.health.timeout=1s",
              "flymq.listener.recovery-interval=100ms")
          .run(
              context -> {
                FlyMQTemplate template = context.getBean(FlyMQTemplate.class);
                Application application = context.getBean(Application.class);
                FlyMQHealth health = context.getBean(FlyMQHealth.class);
                List<CompletableFuture<SendResult>> sent = new ArrayList<>();
                Set<String> all = ConcurrentHashMap.newKeySet();
                for (int round = 0; round < 3; round++) {
                  for (int i = 0; i < 300; i++) {
                    String text = round + "-" + i;
                    all.add(text);
                    sent.add(template.send("one", "key-" + i, text));
                  }
                  int some = round;
                  until(() -> application.stepOne.stream().anyMatch(t -> t.startsWith(some + "-")));
                  brokers.get(brokers.size() - 1).close();
                  if (round == 0) {
                    assertThat(health.check().up()).isFalse();
                  }
                  sent.add(template.send("one", "key", round + "-during the outage"));
                  all.add(round + "-during the outage");
                  brokers.add(start(port));
                }
                for (CompletableFuture<SendResult> one : sent) {
                  one.join();
                }
                until(() -> application.stepTwo.size() == all.size());
                assertThat(application.stepTwo).isEqualTo(all);
                until(() -> health.check().up());
              });
    } finally {
      brokers.forEach(EmbeddedBroker::close);
    }
  }
}
