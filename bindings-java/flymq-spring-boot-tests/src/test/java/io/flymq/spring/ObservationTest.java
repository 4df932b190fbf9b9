package io.flymq.spring;

import static io.flymq.spring.Apps.app;
import static io.flymq.spring.Apps.topic;
import static io.flymq.spring.Apps.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.spring.listener.FlyMQListener;
import io.flymq.spring.observation.MessageCounters;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.ObservationHandler.FirstMatchingCompositeObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.tracing.handler.DefaultTracingObservationHandler;
import io.micrometer.tracing.handler.PropagatingReceiverTracingObservationHandler;
import io.micrometer.tracing.handler.PropagatingSenderTracingObservationHandler;
import io.micrometer.tracing.otel.bridge.OtelCurrentTraceContext;
import io.micrometer.tracing.otel.bridge.OtelPropagator;
import io.micrometer.tracing.otel.bridge.OtelTracer;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.propagation.ContextPropagators;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Spans and meters of what is sent and handled. */
@Tag("smoke")
class ObservationTest {
  @Configuration(proxyBeanMethods = false)
  static class Telemetry {
    final InMemorySpanExporter spans = InMemorySpanExporter.create();

    @Bean
    MeterRegistry meters() {
      return new SimpleMeterRegistry();
    }

    @Bean
    ObservationRegistry observations(MeterRegistry meters) {
      var provider =
          SdkTracerProvider.builder().addSpanProcessor(SimpleSpanProcessor.create(spans)).build();
      var otel = provider.get("test");
      var tracer = new OtelTracer(otel, new OtelCurrentTraceContext(), event -> {});
      var propagator =
          new OtelPropagator(
              ContextPropagators.create(W3CTraceContextPropagator.getInstance()), otel);
      ObservationRegistry registry = ObservationRegistry.create();
      registry
          .observationConfig()
          .observationHandler(
              new FirstMatchingCompositeObservationHandler(
                  new PropagatingSenderTracingObservationHandler<>(tracer, propagator),
                  new PropagatingReceiverTracingObservationHandler<>(tracer, propagator),
                  new DefaultTracingObservationHandler(tracer)))
          .observationHandler(new DefaultMeterObservationHandler(meters))
          .observationHandler(new MessageCounters(meters));
      return registry;
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class Application {
    final FlyMQTemplate template;

    Application(FlyMQTemplate template) {
      this.template = template;
    }

    @FlyMQListener(topics = "${topic}", group = "relay")
    void relay(String text) {
      if (text.equals("bad")) {
        throw new IllegalStateException("bad");
      }
      template.send(out, text);
    }

    @org.springframework.beans.factory.annotation.Value("${topic}-out")
    String out;
  }

  @Test
  void oneTraceGoesThroughListeners() {
    String topic = topic(1);
    Apps.client().createTopic(topic + "-out", 1);
    app()
        .withUserConfiguration(Telemetry.class, Application.class)
        .withPropertyValues("topic=" + topic, "flymq.listener.retry.max-attempts=1")
        .run(
            context -> {
              var exporter = context.getBean(Telemetry.class).spans;
              context.getBean(FlyMQTemplate.class).send(topic, "hello").get();
              until(() -> exporter.getFinishedSpanItems().size() == 3);
              Map<String, SpanData> spans =
                  exporter.getFinishedSpanItems().stream()
                      .collect(Collectors.toMap(SpanData::getName, Function.identity()));
              SpanData first = spans.get("send " + topic);
              SpanData process = spans.get("process " + topic);
              SpanData second = spans.get("send " + topic + "-out");
              assertThat(List.of(first.getKind(), process.getKind(), second.getKind()))
                  .containsExactly(SpanKind.PRODUCER, SpanKind.CONSUMER, SpanKind.PRODUCER);
              assertThat(process.getTraceId()).isEqualTo(first.getTraceId());
              assertThat(process.getParentSpanId()).isEqualTo(first.getSpanId());
              assertThat(second.getTraceId()).isEqualTo(first.getTraceId());
              assertThat(second.getParentSpanId()).isEqualTo(process.getSpanId());
              assertThat(process.getAttributes().asMap().toString())
                  .contains("messaging.system=flymq")
                  .contains("messaging.operation.type=process")
                  .contains("messaging.destination.name=" + topic)
                  .contains("messaging.consumer.group.name=relay")
                  .contains("messaging.destination.partition.id=0");
              assertThat(Apps.records(topic).get(0).headers().text("traceparent"))
                  .contains(first.getTraceId());
            });
  }

  @Test
  void receivingIsASpanOfWhoAsks() {
    String topic = topic(1);
    app()
        .withUserConfiguration(Telemetry.class)
        .withPropertyValues("flymq.template.receive-timeout=10ms")
        .run(
            context -> {
              var exporter = context.getBean(Telemetry.class).spans;
              FlyMQTemplate template = context.getBean(FlyMQTemplate.class);
              template.send(topic, "hello").get();
              exporter.reset();
              assertThat(template.receive(topic, 0, 0, String.class)).isPresent();
              assertThat(template.receive(topic, 0, 1, String.class)).isEmpty();
              SpanData received = exporter.getFinishedSpanItems().get(0);
              assertThat(received.getName()).isEqualTo("receive " + topic);
              assertThat(received.getKind()).isEqualTo(SpanKind.CLIENT);
              assertThat(received.getAttributes().asMap().toString())
                  .contains("messaging.operation.type=receive")
                  .contains("messaging.destination.partition.id=0")
                  .contains("messaging.message.offset=0")
                  .contains("server.address=127.0.0.1");
              MeterRegistry meters = context.getBean(MeterRegistry.class);
              assertThat(
                      meters
                          .get("messaging.client.operation.duration")
                          .tags("messaging.operation.name", "receive")
                          .timer()
                          .count())
                  .isEqualTo(2);
              assertThat(consumed(meters, "receive", topic, "none")).isEqualTo(1);
            });
  }

  private static double consumed(
      MeterRegistry meters, String operation, String topic, String group) {
    return meters
        .get("messaging.client.consumed.messages")
        .tag("messaging.operation.name", operation)
        .tag("messaging.destination.name", topic)
        .tag("messaging.consumer.group.name", group)
        .counter()
        .count();
  }

  @Test
  void timersAndCountersHaveTheNamesOfOpenTelemetry() {
    String topic = topic(1);
    Apps.client().createTopic(topic + "-out", 1);
    app()
        .withUserConfiguration(Telemetry.class, Application.class)
        .withPropertyValues("topic=" + topic, "flymq.listener.retry.max-attempts=1")
        .run(
            context -> {
              context.getBean(FlyMQTemplate.class).send(topic, "bad").get();
              MeterRegistry meters = context.getBean(MeterRegistry.class);
              until(
                  () ->
                      meters
                              .find("messaging.process.duration")
                              .tag("error.type", "IllegalStateException")
                              .timer()
                          != null);
              assertThat(
                      meters
                          .get("messaging.client.operation.duration")
                          .tags("messaging.destination.name", topic, "error.type", "none")
                          .timer()
                          .count())
                  .isEqualTo(1);
              context
                  .getBean(io.flymq.spring.observation.FlyMQClientMetrics.class)
                  .bindTo(meters);
              until(
                  () ->
                      meters.get("flymq.client.sent.records").functionCounter().count() >= 1
                          && meters.get("flymq.client.consumed.records").functionCounter().count()
                              >= 1);
              assertThat(
                      meters
                          .get("messaging.client.sent.messages")
                          .tags("messaging.destination.name", topic, "error.type", "none")
                          .counter()
                          .count())
                  .isEqualTo(1);
              assertThat(consumed(meters, "process", topic, "relay")).isEqualTo(1);
              assertThat(meters.get("flymq.client.connections").gauge().value()).isPositive();
              assertThat(
                      meters
                          .get("flymq.client.errors")
                          .tag("error.type", "UNKNOWN_TOPIC")
                          .functionCounter()
                          .count())
                  .isNotNegative();
            });
  }
}
