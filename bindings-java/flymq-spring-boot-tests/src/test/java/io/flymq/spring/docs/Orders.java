package io.flymq.spring.docs;

import io.flymq.spring.listener.FlyMQHandler;
import io.flymq.spring.listener.FlyMQListener;

@FlyMQListener(topics = "orders")
class Orders {
  @FlyMQHandler
  void created(OrderCreated event) {}

  @FlyMQHandler
  void cancelled(OrderCancelled event) {}

  record OrderCreated(String id) {}

  record OrderCancelled(String id) {}
}
