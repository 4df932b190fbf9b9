package io.flymq.spring;

import io.flymq.spring.listener.FlyMQListener;
import java.util.concurrent.CompletableFuture;
import org.springframework.stereotype.Component;

@Component
class Billing {
  record Order(String id, int cents) {}

  private final FlyMQTemplate template;

  Billing(FlyMQTemplate template) {
    this.template = template;
  }

  CompletableFuture<SendResult> order(Order order) {
    return template.send("orders", order.id(), order); // the key, and the order as JSON
  }

  @FlyMQListener(topics = "orders", group = "billing")
  void bill(Order order) {
    System.out.println("billed " + order);
  }
}
