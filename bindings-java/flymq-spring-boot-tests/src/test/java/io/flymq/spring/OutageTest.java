package io.flymq.spring;

import static io.flymq.spring.Apps.bare;
import static io.flymq.spring.Apps.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.client.EmbeddedBroker;
import io.flymq.client.NewTopic;
import io.flymq.client.StartOffset;
import io.flymq.client.errors.GroupNotEmptyException;
import io.flymq.client.errors.UnknownGroupException;
import io.flymq.spring.boot.FlyMQHealth;
import io.flymq.spring.listener.ConsumerStatus;
import io.flymq.spring.listener.FlyMQListener;
import io.flymq.spring.listener.FlyMQListenerRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.messaging.handler.annotation.SendTo;

/** Brokers that end and come back while an application works. */
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

  /** A broker that may end and begin again at its port, with its data. */
  private interface Broker extends AutoCloseable {
    int port();

    @Override
    void close();
  }

  /** One in this JVM, which stops in order. */
  private record Stopped(EmbeddedBroker broker) implements Broker {
    static Broker start(Path folder, int port) {
      return new Stopped(EmbeddedBroker.builder().dataDir(folder).port(port).start());
    }

    @Override
    public int port() {
      return broker.port();
    }

    @Override
    public void close() {
      broker.close();
    }
  }

  /** The program, which is killed in the middle of what it does. */
  private record Killed(Process process, int port) implements Broker {
    static Broker start(Path folder, int port) {
      try {
        Process process =
            new ProcessBuilder(
                    System.getProperty("flymq.cli"),
                    "broker",
                    "--data-dir=" + folder,
                    "--listen=127.0.0.1:" + port)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String line = process.inputReader().readLine();
        assertThat(line).startsWith("listening on ");
        return new Killed(process, Integer.parseInt(line.substring(line.lastIndexOf(':') + 1)));
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }

    @Override
    public void close() {
      process.destroyForcibly().onExit().join();
    }
  }

  @Test
  @Tag("smoke")
  void nothingIsLostWhenTheBrokerStops() {
    survives(Stopped::start);
  }

  @Test
  @EnabledIfSystemProperty(named = "flymq.cli", matches = ".+")
  void nothingIsLostWhenTheBrokerIsKilled() {
    survives(Killed::start);
  }

  private void survives(BiFunction<Path, Integer, Broker> start) {
    List<Broker> brokers = new ArrayList<>();
    brokers.add(start.apply(folder, 0));
    int port = brokers.get(0).port();
    try {
      bare()
          .withUserConfiguration(Application.class)
          .withPropertyValues(
              "flymq.bootstrap-servers=127.0.0.1:" + port,
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
                  for (int i = 0; i < 100; i++) {
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
                  brokers.add(start.apply(folder, port));
                }
                for (CompletableFuture<SendResult> one : sent) {
                  one.join();
                }
                until(() -> application.stepTwo.size() == all.size());
                assertThat(application.stepTwo).isEqualTo(all);
                until(() -> health.check().up());
              });
    } finally {
      brokers.forEach(Broker::close);
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class Reader {
    final Set<String> seen = ConcurrentHashMap.newKeySet();

    @FlyMQListener(id = "reader", topics = "${topic}", group = "${topic}")
    void read(String text) {
      seen.add(text);
    }
  }

  private static ConsumerStatus.State state(ApplicationContext context) {
    return context
        .getBean(FlyMQListenerRegistry.class)
        .container("reader")
        .status()
        .get(0)
        .state();
  }

  @Test
  void errorsOfReadingAreToldUntilTheyPass() {
    String topic = Apps.topic(1);
    Apps.client().produce(topic, "record");
    Apps.app()
        .withUserConfiguration(Reader.class)
        .withPropertyValues("topic=" + topic, "flymq.consumer.auto-offset-reset=error")
        .run(
            context -> {
              FlyMQHealth health = context.getBean(FlyMQHealth.class);
              until(() -> state(context) == ConsumerStatus.State.RECOVERING);
              until(() -> health.check().toString().contains("OFFSET_OUT_OF_RANGE"));
              assertThat(context.getBean(Reader.class).seen).isEmpty();
              until(() -> begins(topic));
              until(() -> context.getBean(Reader.class).seen.contains("record"));
              until(() -> health.check().up());
            });
  }

  /** Says where the group begins, as soon as nobody is in it. */
  private static boolean begins(String topic) {
    try {
      Apps.client().admin().resetGroupOffsets(topic, topic, StartOffset.earliest());
      return true;
    } catch (GroupNotEmptyException | UnknownGroupException notNow) {
      return false;
    }
  }

  @Test
  void anotherConsumerOfTheSameNameEndsTheListener() {
    String topic = Apps.topic(1);
    Apps.app()
        .withUserConfiguration(Reader.class)
        .withPropertyValues("topic=" + topic, "flymq.consumer.properties.instance_id=me")
        .run(
            context -> {
              Apps.client().produce(topic, "record");
              until(() -> context.getBean(Reader.class).seen.contains("record"));
              try (var other =
                  Apps.client().consumer().group(topic).instanceId("me").build()) {
                other.subscribe(topic);
                until(
                    () -> {
                      other.poll(Duration.ofMillis(10));
                      return state(context) == ConsumerStatus.State.FAILED;
                    });
              }
              assertThat(context.getBean(FlyMQHealth.class).check().up()).isFalse();
            });
  }
}
