package io.flymq.examples.orders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.flymq.spring.test.EmbeddedFlyMQ;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.test.context.SpringBootTest;

/** The whole application, over HTTP. */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
@EmbeddedFlyMQ
class OrdersApplicationTest {
  private static final Pattern ID = Pattern.compile("[0-9a-f]{8}-[0-9a-f-]{27}");

  @Value("${local.server.port}")
  int port;

  private final HttpClient http = HttpClient.newHttpClient();

  private HttpResponse<String> get(String path) throws Exception {
    URI uri = URI.create("http://127.0.0.1:" + port + path);
    return http.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
  }

  private HttpResponse<String> post(String path, String json) throws Exception {
    URI uri = URI.create("http://127.0.0.1:" + port + path);
    return http.send(
        HttpRequest.newBuilder(uri)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(json))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private static String order(String item, int quantity) {
    return """
        {"customer": "ada", "item": "%s", "quantity": %d, "cents": 1250}"""
        .formatted(item, quantity);
  }

  private static String id(String answer) {
    return ID.matcher(answer).results().findFirst().orElseThrow().group();
  }

  private void awaitOrder(String id, String standing) {
    await()
        .atMost(Duration.ofSeconds(60))
        .untilAsserted(() -> assertThat(get("/orders/" + id).body()).contains(standing));
  }

  @Test
  void ordersArePaidAndShipped() throws Exception {
    HttpResponse<String> answer = post("/orders", order("tea", 2));
    assertThat(answer.statusCode()).isEqualTo(202);
    awaitOrder(id(answer.body()), "\"paid\":true,\"shipped\":true");
    assertThat(get("/orders").body()).contains(id(answer.body()));
    assertThat(get("/actuator/metrics/messaging.process.duration").body())
        .contains("messaging.destination.name");
  }

  @Test
  void ordersThatCannotBeShippedAreNotPaidAndBecomeDeadLetters() throws Exception {
    String id = id(post("/orders", order("air", 0)).body());
    awaitOrder(id, "nobody can ship 0 air");
    assertThat(get("/orders/" + id).body()).contains("\"paid\":false,\"shipped\":false");
  }

  @Test
  void cartsAreOrderedAsAWhole() throws Exception {
    HttpResponse<String> refused =
        post("/carts", "[" + order("never-seen", 1) + "," + order("tea", 0) + "]");
    assertThat(refused.statusCode()).isEqualTo(400);
    HttpResponse<String> taken = post("/carts", "[" + order("tea", 1) + "]");
    assertThat(taken.statusCode()).isEqualTo(202);
    awaitOrder(id(taken.body()), "\"shipped\":true");
  }

  @Test
  void healthTellsOfBrokerAndListeners() throws Exception {
    HttpResponse<String> health = get("/actuator/health");
    assertThat(health.statusCode()).isEqualTo(200);
    assertThat(health.body()).contains("fulfilment", "dead-letters", "RUNNING", "clusterId");
  }
}
