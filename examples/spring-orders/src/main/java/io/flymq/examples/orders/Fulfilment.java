package io.flymq.examples.orders;

import io.flymq.spring.FlyMQTemplate;
import io.flymq.spring.listener.FlyMQListener;
import org.springframework.stereotype.Component;

/**
 * Has orders paid and shipped. Both requests and the order's offset are stored in one transaction: however often this
 * is tried, an order is paid once.
 */
@Component
class Fulfilment {
  private final FlyMQTemplate template;

  Fulfilment(FlyMQTemplate template) {
    this.template = template;
  }

  @FlyMQListener(topics = OrdersApplication.ORDERS, id = "fulfilment", concurrency = "2")
  void fulfil(Order order) {
    template.send(
        OrdersApplication.PAYMENTS,
        order.customer(),
        new Payment(order.id(), order.customer(), order.cents()));
    if (order.quantity() < 1) {
      // The payment is not requested either; after three tries the order is a dead letter.
      throw new IllegalArgumentException("nobody can ship " + order.quantity() + " " + order.item());
    }
    template.send(
        OrdersApplication.SHIPMENTS,
        order.customer(),
        new Shipment(order.id(), order.customer(), order.item(), order.quantity()));
  }
}
