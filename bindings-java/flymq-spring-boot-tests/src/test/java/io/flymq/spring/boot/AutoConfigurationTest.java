package io.flymq.spring.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;

import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.NewTopic;
import io.flymq.client.ProducerBuilder;
import io.flymq.spring.Apps;
import io.flymq.spring.FlyMQClientCustomizer;
import io.flymq.spring.FlyMQConsumerCustomizer;
import io.flymq.spring.FlyMQConsumerFactory;
import io.flymq.spring.FlyMQProducerCustomizer;
import io.flymq.spring.FlyMQProducerFactory;
import io.flymq.spring.FlyMQTemplate;
import io.flymq.spring.TopicCreator;
import io.flymq.spring.converter.Jackson2PayloadConverter;
import io.flymq.spring.converter.JacksonPayloadConverter;
import io.flymq.spring.converter.PayloadConverter;
import io.flymq.spring.converter.RecordConverter;
import io.flymq.spring.listener.ErrorHandler;
import io.flymq.spring.listener.FlyMQListener;
import io.flymq.spring.listener.FlyMQListenerContainerFactory;
import io.flymq.spring.listener.RecordRecoverer;
import io.flymq.spring.observation.FlyMQClientMetrics;
import io.flymq.spring.reactive.ReactiveFlyMQReceiver;
import io.flymq.spring.reactive.ReactiveFlyMQTemplate;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.diagnostics.FailureAnalyzer;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.io.support.SpringFactoriesLoader;

/** Which beans there are, and when. */
@Tag("smoke")
class AutoConfigurationTest {
  @Configuration(proxyBeanMethods = false)
  static class Own {
    @Bean
    FlyMQConnectionDetails details() {
      return Apps.broker()::address;
    }

    @Bean
    RecordConverter converter() {
      return new RecordConverter(null);
    }

    @Bean
    FlyMQTemplate template(FlyMQProducerFactory producers, RecordConverter converter) {
      return new FlyMQTemplate(producers, converter);
    }

    @Bean
    FlyMQProducerFactory producers(FlyMQClient client) {
      return FlyMQProducerFactory.of(client, java.util.Map.of("linger_ms", "0"), null);
    }

    @Bean
    FlyMQConsumerFactory consumers(FlyMQClient client) {
      return new FlyMQConsumerFactory(client, java.util.Map.of(), 1, List.of());
    }

    @Bean
    ErrorHandler errors() {
      return failure -> Optional.empty();
    }

    @Bean
    PayloadConverter payloads() {
      return mock(PayloadConverter.class);
    }

    @Bean
    TopicCreator topics(FlyMQClient client) {
      return new TopicCreator(client, List.of());
    }
  }

  @Test
  void beansOfTheApplicationTakeThePlaceOfOurs() {
    Apps.bare()
        .withUserConfiguration(Own.class)
        .run(
            context -> {
              for (Class<?> type :
                  List.of(
                      FlyMQConnectionDetails.class,
                      FlyMQClient.class,
                      RecordConverter.class,
                      FlyMQTemplate.class,
                      FlyMQProducerFactory.class,
                      FlyMQConsumerFactory.class,
                      ErrorHandler.class,
                      RecordRecoverer.class,
                      PayloadConverter.class,
                      TopicCreator.class,
                      FlyMQListenerContainerFactory.class,
                      FlyMQHealth.class,
                      ReactiveFlyMQTemplate.class,
                      ReactiveFlyMQReceiver.class)) {
                assertThat(context).hasSingleBean(type);
              }
              assertThat(context.getBean(FlyMQTemplate.class))
                  .isSameAs(context.getBean("template"));
              assertThat(context).doesNotHaveBean(EmbeddedBroker.class);
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Customizers {
    final Set<String> called = ConcurrentHashMap.newKeySet();

    @Bean
    FlyMQClientCustomizer client() {
      return builder -> called.add("client");
    }

    @Bean
    FlyMQProducerCustomizer producer() {
      return new FlyMQProducerCustomizer() {
        @Override
        public void customize(ProducerBuilder<byte[], byte[]> builder) {
          called.add("producer");
        }
      };
    }

    @Bean
    FlyMQConsumerCustomizer consumer() {
      return builder -> called.add("consumer");
    }

    @Bean
    io.flymq.spring.listener.ContainerCustomizer container() {
      return (id, options) -> called.add("container " + id);
    }

    @FlyMQListener(id = "listener", topics = "${topic}", group = "${topic}")
    void listen(String text) {
      called.add(text);
    }
  }

  @Test
  void customizersAreCalled() {
    String topic = Apps.topic(1);
    Apps.app()
        .withUserConfiguration(Customizers.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              context.getBean(FlyMQTemplate.class).send(topic, "record").get();
              Set<String> called = context.getBean(Customizers.class).called;
              Apps.until(() -> called.size() == 5);
              assertThat(called)
                  .containsExactlyInAnyOrder(
                      "client", "producer", "consumer", "container listener", "record");
            });
  }

  @Test
  void jsonIsByJackson3ElseByJackson2ElseNotAtAll() {
    Apps.app()
        .withClassLoader(new FilteredClassLoader("none"))
        .run(context -> assertThat(context).hasSingleBean(PayloadConverter.class));
    boolean three =
        getClass().getClassLoader().getResource("tools/jackson/databind/json/JsonMapper.class")
            != null;
    Apps.app()
        .run(
            context ->
                assertThat(context.getBean(PayloadConverter.class))
                    .isInstanceOf(
                        three ? JacksonPayloadConverter.class : Jackson2PayloadConverter.class));
    Apps.app()
        .withClassLoader(new FilteredClassLoader("tools.jackson"))
        .run(
            context ->
                assertThat(context.getBean(PayloadConverter.class))
                    .isInstanceOf(Jackson2PayloadConverter.class));
    Apps.app()
        .withClassLoader(new FilteredClassLoader("tools.jackson", "com.fasterxml.jackson"))
        .run(
            context -> {
              assertThat(context).doesNotHaveBean(PayloadConverter.class);
              assertThat(context.getBean(FlyMQTemplate.class).send("topic", new Object()))
                  .isCompletedExceptionally();
            });
  }

  @Test
  void reactorMicrometerAndHealthAreOptional() {
    Apps.app()
        .withClassLoader(
            new FilteredClassLoader(
                "reactor",
                "io.micrometer.core",
                "org.springframework.boot.actuate",
                "org.springframework.boot.health"))
        .run(
            context -> {
              assertThat(context).hasNotFailed();
              assertThat(context).doesNotHaveBean("reactiveFlyMQTemplate");
              assertThat(context).doesNotHaveBean("flyMQClientMetrics");
              assertThat(context).doesNotHaveBean("flymqHealthIndicator");
            });
  }

  @Test
  void metersAreBoundWhereThereIsARegistry() {
    Apps.app()
        .run(context -> assertThat(context).doesNotHaveBean(FlyMQClientMetrics.class));
    Apps.app()
        .withBean(SimpleMeterRegistry.class)
        .run(context -> assertThat(context).hasSingleBean(FlyMQClientMetrics.class));
  }

  @Test
  void healthHasAnIndicatorUnlessItIsTurnedOff() {
    Apps.app().run(context -> assertThat(context).hasBean("flymqHealthIndicator"));
    Apps.app()
        .withPropertyValues("management.health.flymq.enabled=false")
        .run(context -> assertThat(context).doesNotHaveBean("flymqHealthIndicator"));
    Apps.app()
        .run(
            context -> {
              FlyMQHealth.Result result = context.getBean(FlyMQHealth.class).check();
              assertThat(result.up()).isTrue();
              assertThat(result.details()).containsKeys("version", "address");
            });
  }

  @Test
  void theEmbeddedBrokerTakesThePlaceOfAnother() {
    Apps.bare()
        .withPropertyValues(
            "flymq.embedded.enabled=true",
            "flymq.embedded.fsync=false",
            "flymq.bootstrap-servers=127.0.0.1:1")
        .withBean(NewTopic.class, () -> NewTopic.of("orders", 2))
        .run(
            context -> {
              assertThat(context.getBean(FlyMQClient.class).broker().address())
                  .isEqualTo(context.getBean(EmbeddedBroker.class).address());
              assertThat(context.getBean(FlyMQClient.class).admin().listTopics())
                  .containsEntry("orders", 2);
            });
  }

  @Test
  void topicsGetThePartitionsOfTheirBeans() {
    String topic = Apps.topic(1);
    Apps.app()
        .withBean(NewTopic.class, () -> NewTopic.of(topic, 3))
        .run(
            context ->
                assertThat(Apps.client().admin().partitionCount(topic)).isEqualTo(3));
  }

  @Configuration(proxyBeanMethods = false)
  static class Threads {
    final Set<String> names = ConcurrentHashMap.newKeySet();

    @FlyMQListener(topics = "${topic}", group = "${topic}")
    void listen(String text) {
      names.add(Thread.currentThread().toString());
    }
  }

  @Test
  @EnabledForJreRange(min = JRE.JAVA_21)
  void listenersRunOnVirtualThreadsWhereTheApplicationDoes() {
    String topic = Apps.topic(1);
    Apps.client().produce(topic, "record");
    Apps.app()
        .withUserConfiguration(Threads.class)
        .withPropertyValues("topic=" + topic, "spring.threads.virtual.enabled=true")
        .run(
            context -> {
              Set<String> names = context.getBean(Threads.class).names;
              Apps.until(() -> !names.isEmpty());
              assertThat(names.iterator().next()).startsWith("VirtualThread");
            });
  }

  private static FailureAnalysis analyze(AssertableApplicationContext context) {
    return SpringFactoriesLoader.forDefaultResourceLocation()
        .load(FailureAnalyzer.class, (type, name, error) -> {})
        .stream()
        .filter(analyzer -> analyzer.getClass().getName().startsWith("io.flymq."))
        .map(analyzer -> analyzer.analyze(context.getStartupFailure()))
        .filter(analysis -> analysis != null)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void failuresToStartSayWhatToDo() {
    Apps.bare()
        .withPropertyValues("flymq.bootstrap-servers=127.0.0.1:1", "flymq.connect-timeout=100ms")
        .run(
            context -> {
              assertThat(analyze(context).getAction()).contains("flymq.bootstrap-servers");
              assertThat(analyze(context).getDescription()).endsWith("(CONNECT_FAILED 901)");
            });
    Apps.app()
        .withPropertyValues("flymq.ssl.enabled=true", "flymq.connect-timeout=1s")
        .run(context -> assertThat(analyze(context).getAction()).contains("flymq.ssl"));
    try (EmbeddedBroker broker =
        EmbeddedBroker.builder().user("ada", "lovelace".toCharArray()).start()) {
      var app =
          Apps.bare().withPropertyValues("flymq.bootstrap-servers=" + broker.address());
      app.run(context -> assertThat(analyze(context).getAction()).contains("flymq.username"));
      app.withPropertyValues("flymq.username=ada", "flymq.password=no")
          .run(context -> assertThat(analyze(context).getAction()).contains("flymq.password"));
    }
    Apps.app()
        .withPropertyValues("flymq.producer.linger=-1ms", "flymq.properties.nonsense=1")
        .run(context -> assertThat(analyze(context).getAction()).contains("property"));
  }

  @Configuration(proxyBeanMethods = false)
  static class WithoutGroup {
    @FlyMQListener(topics = "${topic:missing-topic}", concurrency = "${threads:1}")
    void listen(String text) {}
  }

  @Test
  void listenersThatCannotWorkSayWhatToDo() {
    Apps.app()
        .withUserConfiguration(WithoutGroup.class)
        .run(
            context ->
                assertThat(analyze(context).getAction()).contains("flymq.consumer.group-id"));
    Apps.app()
        .withUserConfiguration(WithoutGroup.class)
        .withPropertyValues("flymq.consumer.group-id=g", "flymq.listener.missing-topics-fatal=true")
        .run(
            context -> {
              assertThat(analyze(context).getDescription()).contains("missing-topic");
              assertThat(analyze(context).getAction()).contains("NewTopic");
            });
    Apps.app()
        .withUserConfiguration(WithoutGroup.class)
        .withPropertyValues("flymq.consumer.group-id=g", "threads=two")
        .run(
            context -> {
              assertThat(analyze(context).getDescription()).contains("the concurrency two");
              assertThat(analyze(context).getAction()).contains("number");
            });
    Apps.app()
        .withUserConfiguration(WithoutGroup.class)
        .withPropertyValues("flymq.consumer.group-id=g", "flymq.listener.transactional=true")
        .run(
            context ->
                assertThat(analyze(context).getAction())
                    .contains("flymq.producer.transaction-id-prefix"));
  }

  @Test
  void startingWaitsForABrokerThatStartsLater() throws Exception {
    int port;
    try (EmbeddedBroker earlier = EmbeddedBroker.start()) {
      port = earlier.port();
    }
    Thread later =
        new Thread(
            () -> {
              EmbeddedBroker broker = EmbeddedBroker.builder().port(port).start();
              Runtime.getRuntime().addShutdownHook(new Thread(broker::close));
            });
    Apps.bare()
        .withPropertyValues(
            "flymq.bootstrap-servers=127.0.0.1:" + port,
            "flymq.connect-timeout=50ms",
            "flymq.startup-timeout=" + Duration.ofMinutes(1))
        .withInitializer(context -> later.start())
        .run(context -> assertThat(context).hasNotFailed());
    later.join();
  }
}
