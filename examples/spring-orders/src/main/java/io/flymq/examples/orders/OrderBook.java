package io.flymq.examples.orders;

import io.flymq.spring.FlyMQHeaders;
import io.flymq.spring.listener.FlyMQListener;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.UnaryOperator;
import org.springframework.messaging.handler.annotation.Header;
import org.springframework.stereotype.Component;

/** How orders stand. It is in memory: its groups read all events from the beginning whenever the program starts. */
@Component
class OrderBook {
  /** How an order stands. */
  record Entry(String id, boolean paid, boolean shipped, String problem) {}

  private final Map<String, Entry> entries = new ConcurrentSkipListMap<>();

  Collection<Entry> entries() {
    return entries.values();
  }

  Optional<Entry> entry(String id) {
    return Optional.ofNullable(entries.get(id));
  }

  private void change(String id, UnaryOperator<Entry> change) {
    entries.compute(
        id, (key, entry) -> change.apply(entry == null ? new Entry(id, false, false, null) : entry));
  }

  @FlyMQListener(topics = OrdersApplication.PAYMENTS, group = "book-${random.uuid}", id = "payments")
  void paid(Payment payment) {
    change(payment.order(), e -> new Entry(e.id(), true, e.shipped(), e.problem()));
  }

  @FlyMQListener(topics = OrdersApplication.SHIPMENTS, group = "book-${random.uuid}", id = "shipments")
  void shipped(Shipment shipment) {
    change(shipment.order(), e -> new Entry(e.id(), e.paid(), true, e.problem()));
  }

  @FlyMQListener(topics = OrdersApplication.DEAD_ORDERS, group = "book-${random.uuid}", id = "dead-letters")
  void failed(Order order, @Header(FlyMQHeaders.DLQ_ERROR) String error) {
    change(order.id(), e -> new Entry(e.id(), e.paid(), e.shipped(), error));
  }
}
