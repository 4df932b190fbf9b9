package io.flymq.examples.orders;

import io.flymq.client.NewTopic;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/**
 * Orders come in by REST and become events: {@link OrderController} sends them, {@link Fulfilment} has them paid and
 * shipped, and {@link OrderBook} knows how they stand. What cannot be handled becomes a dead letter, which {@link
 * OrderBook} shows too.
 */
@SpringBootApplication
public class OrdersApplication {
  static final String ORDERS = "orders";
  static final String PAYMENTS = "payments";
  static final String SHIPMENTS = "shipments";
  static final String DEAD_ORDERS = "orders.dlq";

  public static void main(String[] arguments) {
    SpringApplication.run(OrdersApplication.class, arguments);
  }

  @Bean
  NewTopic orders() {
    return NewTopic.of(ORDERS, 3);
  }

  @Bean
  NewTopic payments() {
    return NewTopic.of(PAYMENTS, 3);
  }

  @Bean
  NewTopic shipments() {
    return NewTopic.of(SHIPMENTS, 3);
  }

  @Bean
  NewTopic deadOrders() {
    return NewTopic.of(DEAD_ORDERS, 3);
  }
}
