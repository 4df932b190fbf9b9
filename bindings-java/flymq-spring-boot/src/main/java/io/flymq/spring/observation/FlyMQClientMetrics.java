package io.flymq.spring.observation;

import io.flymq.client.FlyMQClient;
import io.flymq.client.MetricsSnapshot;
import io.flymq.client.errors.ErrorCode;
import io.flymq.client.errors.FlyMQException;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/** What a client counts, as meters. */
public class FlyMQClientMetrics implements MeterBinder {
  private static final Duration FRESH = Duration.ofSeconds(1);

  private final FlyMQClient client;
  private volatile Sample last;

  private record Sample(MetricsSnapshot metrics, long time) {}

  /**
   * Meters of a client.
   *
   * @param client the client
   */
  public FlyMQClientMetrics(FlyMQClient client) {
    this.client = client;
    this.last = new Sample(client.metrics(), System.nanoTime());
  }

  /** All meters of a scrape see one snapshot. A client that is closed has counted what it has. */
  private MetricsSnapshot metrics() {
    Sample sample = last;
    if (System.nanoTime() - sample.time > FRESH.toNanos()) {
      try {
        sample = new Sample(client.metrics(), System.nanoTime());
        last = sample;
      } catch (FlyMQException closed) {
        return sample.metrics;
      }
    }
    return sample.metrics;
  }

  @Override
  public void bindTo(MeterRegistry registry) {
    counter(registry, "flymq.client.sent.records", "Records sent", m -> m.sentRecords());
    counter(
        registry,
        "flymq.client.consumed.records",
        "Records handed to the application",
        m -> m.consumedRecords());
    counter(registry, "flymq.client.requests", "Requests answered", m -> m.requests());
    counter(
        registry, "flymq.client.retries", "Requests or batches sent again", m -> m.retries());
    counter(registry, "flymq.client.commits", "Commits acknowledged", m -> m.commits());
    counter(
        registry,
        "flymq.client.rebalances",
        "Changes of a consumer's share of its group's partitions",
        m -> m.rebalances());
    gauge(registry, "flymq.client.connections", "Connections open now", m -> m.connections());
    counter(
        registry,
        "flymq.client.connections.failed",
        "Attempts to connect that failed",
        m -> m.connectivity().failed());
    counter(
        registry,
        "flymq.client.connections.lost",
        "Connections that ended unexpectedly",
        m -> m.connectivity().lost());
    counter(
        registry,
        "flymq.client.failovers",
        "Changes to another broker",
        m -> m.connectivity().failovers());
    gauge(
        registry,
        "flymq.client.endpoints.open",
        "Addresses of brokers that are left out because they failed",
        m ->
            m.connectivity().endpoints().stream()
                .filter(endpoint -> endpoint.circuit() != MetricsSnapshot.Circuit.CLOSED)
                .count());
    gauge(
        registry,
        "flymq.client.buffered.records",
        "Records that brokers have not acknowledged",
        m -> m.bufferedRecords());
    gauge(
        registry,
        "flymq.client.buffered.bytes",
        "Bytes of records that brokers have not acknowledged",
        m -> m.bufferedBytes());
    gauge(
        registry,
        "flymq.client.prefetched.bytes",
        "Bytes read ahead of the application",
        m -> m.prefetchedBytes());
    latency(registry, "0.5", latency -> latency.p50());
    latency(registry, "0.9", latency -> latency.p90());
    latency(registry, "0.99", latency -> latency.p99());
    latency(registry, "0.999", latency -> latency.p999());
    for (ErrorCode code : ErrorCode.values()) {
      FunctionCounter.builder(
              "flymq.client.errors",
              this,
              me -> me.metrics().errors().getOrDefault(code.code(), 0L).doubleValue())
          .tags(tags().and("error.type", code.name()))
          .description("Requests that failed")
          .register(registry);
    }
  }

  private static Tags tags() {
    return Tags.of("messaging.system", "flymq");
  }

  private void counter(
      MeterRegistry registry, String name, String what, ToDoubleFunction<MetricsSnapshot> value) {
    FunctionCounter.builder(name, this, me -> value.applyAsDouble(me.metrics()))
        .tags(tags())
        .description(what)
        .register(registry);
  }

  private void gauge(
      MeterRegistry registry, String name, String what, ToDoubleFunction<MetricsSnapshot> value) {
    Gauge.builder(name, this, me -> value.applyAsDouble(me.metrics()))
        .tags(tags())
        .description(what)
        .register(registry);
  }

  private void latency(
      MeterRegistry registry, String quantile, Function<MetricsSnapshot.Latency, Duration> value) {
    TimeGauge.builder(
            "flymq.client.request.latency",
            this,
            TimeUnit.MICROSECONDS,
            me -> value.apply(me.metrics().latency()).toNanos() / 1000.0)
        .tags(tags().and("quantile", quantile))
        .description("Time from request to answer, without fetches")
        .register(registry);
  }
}
