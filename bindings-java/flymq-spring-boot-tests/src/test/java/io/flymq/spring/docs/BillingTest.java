package io.flymq.spring.docs;

import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.spring.FlyMQTemplate;
import io.flymq.spring.test.EmbeddedFlyMQ;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;

@SpringBootTest
@EmbeddedFlyMQ(topics = "orders:3")
class BillingTest {
  @Autowired FlyMQTemplate template;

  @Test
  void ordersAreStored() {
    Order order = new Order("o-1", 1250);
    assertThat(template.send("orders", order.id(), order)).succeedsWithin(Duration.ofSeconds(10));
  }

  @SpringBootConfiguration
  @EnableAutoConfiguration
  static class Application {}
}
