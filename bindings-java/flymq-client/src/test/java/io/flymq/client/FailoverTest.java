package io.flymq.client;

import static io.flymq.client.Fixtures.strings;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.flymq.client.errors.FlyMQException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The scenarios of {@code conformance/failover}. */
class FailoverTest {
  @TempDir Path data;
  private final Map<String, Integer> ports = new HashMap<>();
  private final Map<String, Served> brokers = new HashMap<>();
  private final List<String> produced = new ArrayList<>();
  private @Nullable FlyMQClient client;

  static Stream<Arguments> scenarios() {
    return StreamSupport.stream(
            Fixtures.conformance("failover/scenarios.json").spliterator(), false)
        .map(scenario -> Arguments.of(scenario.get("name").asText(), scenario.get("steps")));
  }

  @BeforeEach
  void ports() throws IOException {
    Served.emptyCluster();
    for (String broker : List.of("a", "b")) {
      // A port at which nobody listens.
      try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        ports.put(broker, socket.getLocalPort());
      }
    }
  }

  @AfterEach
  void close() {
    if (client != null) {
      client.close();
    }
    brokers.values().forEach(Served::close);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("scenarios")
  void scenario(String name, JsonNode steps) {
    for (JsonNode step : steps) {
      if (step.has("error")) {
        FlyMQException error =
            assertThrows(FlyMQException.class, () -> perform(step), step::toString);
        assertEquals(step.get("error").asText(), error.name(), step::toString);
        for (String broker : ports.keySet()) {
          assertTrue(error.getMessage().contains(address(broker)), error.getMessage());
        }
      } else {
        perform(step);
      }
    }
  }

  private String address(String broker) {
    return "127.0.0.1:" + ports.get(broker);
  }

  private void perform(JsonNode step) {
    String broker = step.path("broker").asText();
    switch (step.get("do").asText()) {
      case "start" -> start(broker);
      case "stop" -> brokers.remove(broker).close();
      case "connect" ->
          client =
              FlyMQClient.builder()
                  .addresses(
                      String.join(
                          ",", strings(step.get("brokers")).stream().map(this::address).toList()))
                  .option("request_timeout_ms", "3000")
                  .option("backoff_max_ms", "200")
                  .connect();
      case "ping" -> client.ping();
      case "produce" -> {
        client.produce("t", step.get("value").asText());
        produced.add(step.get("value").asText());
      }
      // Gateways share their records.
      case "stored" ->
          assertEquals(
              Served.GATEWAYS ? produced : strings(step.get("values")), stored(broker));
      case "circuit" ->
          Fixtures.until(
              step.toString(), () -> works(address(broker)) == step.get("works").asBoolean());
      case "failovers" ->
          assertEquals(
              step.get("count").asLong(), client.metrics().connectivity().failovers());
      default -> throw new AssertionError(step.toString());
    }
  }

  private void start(String broker) {
    Served started = Served.start(data.resolve(broker), ports.get(broker));
    brokers.put(broker, started);
    try (FlyMQClient alone = FlyMQClient.connect(started.address())) {
      if (!alone.admin().listTopics().containsKey("t")) {
        alone.createTopic("t", 1);
      }
    }
  }

  private List<String> stored(String broker) {
    List<String> values = new ArrayList<>();
    try (FlyMQClient alone = FlyMQClient.connect(address(broker))) {
      alone.fetch("t", 0, 0).forEach(record -> values.add(Fixtures.text(record.value())));
    }
    return values;
  }

  private boolean works(String address) {
    return client.metrics().connectivity().endpoints().stream()
        .filter(endpoint -> endpoint.address().equals(address))
        .allMatch(endpoint -> endpoint.circuit() == MetricsSnapshot.Circuit.CLOSED);
  }
}
