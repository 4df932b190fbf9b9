package io.flymq.examples.orders;

import io.flymq.spring.FlyMQTemplate;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.springframework.http.HttpStatus;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;

/** Orders by REST. */
@RestController
class OrderController {
  /** What is sent in. */
  record Request(String customer, String item, int quantity, int cents) {
    Order order() {
      return new Order(UUID.randomUUID().toString(), customer, item, quantity, cents);
    }
  }

  private final FlyMQTemplate template;
  private final OrderBook book;

  OrderController(FlyMQTemplate template, OrderBook book) {
    this.template = template;
    this.book = book;
  }

  /** Answers once the order is stored. Orders of one customer stay in order. */
  @PostMapping("/orders")
  @ResponseStatus(HttpStatus.ACCEPTED)
  CompletableFuture<Map<String, String>> place(@RequestBody Request request) {
    Order order = request.order();
    return template
        .send(OrdersApplication.ORDERS, order.customer(), order)
        .thenApply(stored -> Map.of("id", order.id()));
  }

  /** All orders of a cart, or none. */
  @PostMapping("/carts")
  @ResponseStatus(HttpStatus.ACCEPTED)
  @Transactional
  public List<String> placeAll(@RequestBody List<Request> requests) {
    return requests.stream()
        .map(
            request -> {
              if (request.quantity() < 1) {
                throw new ResponseStatusException(
                    HttpStatus.BAD_REQUEST, "a quantity is 1 or more");
              }
              Order order = request.order();
              template.send(OrdersApplication.ORDERS, order.customer(), order);
              return order.id();
            })
        .toList();
  }

  @GetMapping("/orders")
  Collection<OrderBook.Entry> all() {
    return book.entries();
  }

  @GetMapping("/orders/{id}")
  OrderBook.Entry one(@PathVariable String id) {
    return book.entry(id)
        .orElseThrow(() -> new ResponseStatusException(HttpStatus.NOT_FOUND, "no order " + id));
  }
}
