package io.flymq.spring.docs;

import io.flymq.client.NewTopic;
import io.flymq.spring.FlyMQTemplate;
import io.flymq.spring.listener.FlyMQListener;
import org.springframework.context.annotation.Bean;
import org.springframework.stereotype.Component;

@Component
class Billing {
  private final FlyMQTemplate template;

  Billing(FlyMQTemplate template) {
    this.template = template;
  }

  void order(Order order) {
    template.send("orders", order.id(), order);
  }

  @FlyMQListener(topics = "orders")
  void bill(Order order) {
    // …
  }

  @Bean
  static NewTopic orders() {
    return NewTopic.of("orders", 3);
  }
}
