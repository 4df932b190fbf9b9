package io.flymq.spring;

import static io.flymq.spring.Apps.app;
import static io.flymq.spring.Apps.committed;
import static io.flymq.spring.Apps.topic;
import static io.flymq.spring.Apps.unique;
import static io.flymq.spring.Apps.until;
import static io.flymq.spring.Apps.values;
import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.client.Consumer;
import io.flymq.client.ConsumerRecord;
import io.flymq.client.Headers;
import io.flymq.client.ProducerRecord;
import io.flymq.client.TopicPartition;
import io.flymq.spring.listener.Acknowledgment;
import io.flymq.spring.listener.ContainerCustomizer;
import io.flymq.spring.listener.Delivery;
import io.flymq.spring.listener.FlyMQHandler;
import io.flymq.spring.listener.FlyMQListener;
import io.flymq.spring.listener.FlyMQListenerRegistry;
import io.flymq.spring.listener.RecordFilter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.messaging.Message;
import org.springframework.messaging.handler.annotation.Header;
import org.springframework.messaging.handler.annotation.Payload;
import org.springframework.messaging.handler.annotation.SendTo;
import org.springframework.messaging.support.MessageBuilder;
import org.springframework.validation.Validator;
import org.springframework.validation.annotation.Validated;

/** What listeners can be, and what they are given. */
class ListenerTest {
  record Order(String id, int cents) {}

  record Cancelled(String id) {}

  @Configuration(proxyBeanMethods = false)
  static class Arguments {
    final Calls calls = new Calls();

    @FlyMQListener(topics = "${topic}", group = "${topic}-group", id = "arguments")
    void handle(
        Order order,
        @Header(FlyMQHeaders.KEY) String key,
        @Header(FlyMQHeaders.OFFSET) long offset,
        @Header(FlyMQHeaders.DELIVERY_ATTEMPT) int attempt,
        @Header("count") int count,
        @Header("trace") UUID trace,
        @Header(name = "none", required = false) String none,
        @org.springframework.messaging.handler.annotation.Headers Map<String, Object> all,
        Headers headers,
        ConsumerRecord<String, Order> record,
        ConsumerRecord<byte[], byte[]> bytes,
        Message<Order> message,
        Acknowledgment acknowledgment,
        Consumer<?, ?> consumer,
        Delivery delivery) {
      calls.add(
          order,
          key,
          offset,
          attempt,
          count,
          trace,
          none,
          all.get(FlyMQHeaders.GROUP),
          headers.text("count"),
          record.key(),
          record.value(),
          new String(bytes.value()),
          message.getPayload(),
          consumer == delivery.consumer(),
          delivery.listenerId());
    }
  }

  @Test
  void methodsTakeWhatTheyNeed() {
    String topic = topic(1);
    app()
        .withUserConfiguration(Arguments.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              UUID trace = UUID.randomUUID();
              FlyMQTemplate template = context.getBean(FlyMQTemplate.class);
              template
                  .send(
                      MessageBuilder.withPayload(new Order("o-1", 5))
                          .setHeader(FlyMQHeaders.TOPIC, topic)
                          .setHeader(FlyMQHeaders.KEY, "alice")
                          .setHeader("count", 7)
                          .setHeader("trace", trace)
                          .build())
                  .get();
              Calls calls = context.getBean(Arguments.class).calls;
              until(() -> !calls.isEmpty());
              Order order = new Order("o-1", 5);
              assertThat(calls.remove())
                  .containsExactly(
                      order, "alice", 0L, 1, 7, trace, null, topic + "-group", "7", "alice", order,
                      "{\"id\":\"o-1\",\"cents\":5}", order, true, "arguments");
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Payloads {
    final Calls calls = new Calls();

    @FlyMQListener(topics = "${topic}", group = "text")
    void text(@Payload(required = false) String text) {
      calls.add("text", text);
    }

    @FlyMQListener(topics = "${topic}", group = "bytes")
    void bytes(@Payload(required = false) byte[] bytes) {
      calls.add("bytes", bytes == null ? null : bytes.length);
    }

    @FlyMQListener(topics = "${topic}", group = "numbers")
    void key(ConsumerRecord<Long, String> record) {
      calls.add("key", record.key());
    }
  }

  @Test
  void valuesAreTextBytesOrNothing() {
    String topic = topic(1);
    app()
        .withUserConfiguration(Payloads.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              FlyMQTemplate template = context.getBean(FlyMQTemplate.class);
              template.send(topic, 5L, "é").get();
              template.send(topic, 5L, "").get();
              template.send(topic, 5L, null).get();
              Calls calls = context.getBean(Payloads.class).calls;
              until(() -> calls.size() == 9);
              List<Object> text = new ArrayList<>();
              text.add("text");
              text.add(null);
              assertThat(calls)
                  .contains(List.of("text", "é"), List.of("text", ""), text)
                  .contains(List.of("bytes", 2), List.of("bytes", 0))
                  .contains(List.of("key", 5L));
            });
  }

  @FlyMQListener(topics = "${topic}", group = "types")
  static class ByType {
    final Calls calls = new Calls();

    @FlyMQHandler
    void created(Order order, @Header(FlyMQHeaders.OFFSET) long offset) {
      calls.add(order, offset);
    }

    @FlyMQHandler
    void cancelled(@Payload Cancelled cancelled) {
      calls.add(cancelled);
    }

    @FlyMQHandler(isDefault = true)
    void other(String text) {
      calls.add(text);
    }
  }

  @Test
  void classesHandleEachTypeWithItsMethod() {
    String topic = topic(1);
    app()
        .withUserConfiguration(ByType.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              FlyMQTemplate template = context.getBean(FlyMQTemplate.class);
              template.send(topic, new Order("o-1", 5)).get();
              template.send(topic, new Cancelled("o-1")).get();
              template.send(topic, "plain").get();
              Calls calls = context.getBean(ByType.class).calls;
              until(() -> calls.size() == 3);
              assertThat(calls)
                  .containsExactly(
                      List.of(new Order("o-1", 5), 0L),
                      List.of(new Cancelled("o-1")),
                      List.of("plain"));
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Batches {
    final Calls calls = new Calls();

    @FlyMQListener(topics = "${topic}", group = "values", batch = true, filter = "even")
    void values(List<Integer> values, Acknowledgment acknowledgment) {
      calls.add("values", values);
    }

    @FlyMQListener(topics = "${topic}", group = "records", batch = true)
    void records(List<ConsumerRecord<String, Integer>> records) {
      records.forEach(record -> calls.add("record", record.key(), record.value()));
    }

    @Bean
    RecordFilter even() {
      return record -> Integer.parseInt(new String(record.value())) % 2 == 0;
    }

    @Bean
    ContainerCustomizer onlyNamedFilters() {
      return (id, options) -> {
        if (id.endsWith("records")) {
          options.filter(null);
        }
      };
    }
  }

  @Test
  void batchesAreListsOfWhatTheFilterLetsThrough() throws Exception {
    String topic = topic(1);
    for (int i = 0; i < 10; i++) {
      Apps.client().produce(topic, "k" + i, String.valueOf(i));
    }
    app()
        .withUserConfiguration(Batches.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              Calls calls = context.getBean(Batches.class).calls;
              until(() -> committed("values", topic) == 9 && committed("records", topic) == 9);
              assertThat(calls).contains(List.of("record", "k9", 9));
              assertThat(
                      calls.stream()
                          .filter(call -> call.get(0).equals("values"))
                          .flatMap(call -> ((List<?>) call.get(1)).stream()))
                  .isEqualTo(List.of(0, 2, 4, 6, 8));
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Expressions {
    final Set<String> seen = ConcurrentHashMap.newKeySet();

    @Bean
    List<String> wanted(org.springframework.core.env.Environment environment) {
      String prefix = environment.getProperty("prefix");
      return List.of(prefix + "-a", prefix + "-b");
    }

    @FlyMQListener(topics = "#{@wanted}", group = "${prefix}-list", concurrency = "#{1 + 1}")
    void list(String text) {
      seen.add("list " + text);
    }

    @FlyMQListener(
        pattern = "${prefix}-[ab]",
        group = "${prefix}-pattern",
        properties = "max_wait_ms=50")
    void pattern(String text) {
      seen.add("pattern " + text);
    }
  }

  @Test
  void topicsAreExpressionsOrPatterns() {
    String prefix = unique("prefix");
    Apps.client().createTopic(prefix + "-a", 2);
    Apps.client().createTopic(prefix + "-b", 2);
    app()
        .withUserConfiguration(Expressions.class)
        .withPropertyValues("prefix=" + prefix)
        .run(
            context -> {
              FlyMQTemplate template = context.getBean(FlyMQTemplate.class);
              template.send(prefix + "-a", "1").get();
              template.send(prefix + "-b", "2").get();
              Set<String> seen = context.getBean(Expressions.class).seen;
              until(() -> seen.size() == 4);
              assertThat(seen)
                  .containsExactlyInAnyOrder("list 1", "list 2", "pattern 1", "pattern 2");
              assertThat(
                      context
                          .getBean(FlyMQListenerRegistry.class)
                          .container("listenerTest.Expressions.list")
                          .status())
                  .hasSize(2);
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Replies {
    @FlyMQListener(topics = "${topic}", group = "${topic}")
    @SendTo("${topic}-replies")
    CompletableFuture<String> handle(String text) {
      return CompletableFuture.supplyAsync(() -> text.isEmpty() ? null : text + "!");
    }
  }

  @Test
  void whatMethodsReturnIsSentOn() {
    String topic = topic(1);
    Apps.client().createTopic(topic + "-replies", 1);
    app()
        .withUserConfiguration(Replies.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              Apps.client().produce(topic, "hello");
              Apps.client().produce(topic, "");
              until(() -> committed(topic, topic) == 1);
              assertThat(values(topic + "-replies")).containsExactly("hello!");
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Validating {
    final Calls calls = new Calls();

    @FlyMQListener(topics = "${topic}", group = "${topic}")
    void handle(@Validated Order order) {
      calls.add(order);
    }

    @Bean
    Validator validator() {
      return Validator.forInstanceOf(
          Order.class,
          (order, errors) -> {
            if (order.cents() < 0) {
              errors.reject("negative");
            }
          });
    }
  }

  @Test
  void valuesAreValidatedWhereThatIsAskedFor() {
    String topic = topic(1);
    app()
        .withUserConfiguration(Validating.class)
        .withPropertyValues("topic=" + topic)
        .run(
            context -> {
              FlyMQTemplate template = context.getBean(FlyMQTemplate.class);
              template.send(topic, new Order("bad", -1)).get();
              template.send(topic, new Order("good", 1)).get();
              until(() -> committed(topic, topic) == 1);
              assertThat(context.getBean(Validating.class).calls)
                  .containsExactly(List.of(new Order("good", 1)));
              assertThat(values(topic + ".dlq")).hasSize(1);
            });
  }

  @Test
  void templateReceivesSingleRecords() {
    String topic = topic(2);
    app()
        .withPropertyValues("flymq.template.default-topic=" + topic)
        .run(
            context -> {
              FlyMQTemplate template = context.getBean(FlyMQTemplate.class);
              var at = template.sendDefault("key", new Order("o-1", 5)).get().metadata();
              assertThat(template.receive(topic, at.partition(), at.offset(), Order.class))
                  .hasValueSatisfying(
                      record -> {
                        assertThat(record.value()).isEqualTo(new Order("o-1", 5));
                        assertThat(record.key()).isEqualTo("key");
                      });
              template.setReceiveTimeout(Duration.ZERO);
              assertThat(template.receive(topic, at.partition(), at.offset() + 1, Order.class))
                  .isEmpty();
              template.send(ProducerRecord.of(topic, "text").withPartition(1));
              template.flush();
              assertThat(
                      Apps.client().admin().latest(new TopicPartition(topic, 1)))
                  .isPositive();
            });
  }
}
