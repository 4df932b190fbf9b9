package io.flymq.spring.docs;

import io.flymq.spring.reactive.ReactiveFlyMQReceiver;
import reactor.core.publisher.Mono;

class ReactiveBilling {
  private final ReactiveFlyMQReceiver receiver;

  ReactiveBilling(ReactiveFlyMQReceiver receiver) {
    this.receiver = receiver;
  }

  void start() {
    receiver.receive(Order.class, "orders")
        .concatMap(record -> bill(record.value()).doOnSuccess(done -> record.acknowledge()))
        .subscribe();
  }

  private Mono<Void> bill(Order order) {
    return Mono.empty();
  }
}
