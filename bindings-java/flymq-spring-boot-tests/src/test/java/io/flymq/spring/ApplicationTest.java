package io.flymq.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.client.EmbeddedBroker;
import io.flymq.client.NewTopic;
import io.flymq.spring.listener.FlyMQListener;
import io.flymq.spring.test.EmbeddedFlyMQ;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.messaging.handler.annotation.Header;
import org.springframework.messaging.handler.annotation.SendTo;

/** A whole application as a newcomer writes it, on every version of Spring Boot. */
@Tag("smoke")
@SpringBootTest(properties = "flymq.consumer.group-id=billing")
@EmbeddedFlyMQ(topics = "bills")
class ApplicationTest {
  record Order(String id, int cents) {}

  record Bill(String order, int cents, String key) {}

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class Application {
    final BlockingQueue<Bill> bills = new LinkedBlockingQueue<>();

    @Bean
    NewTopic orders() {
      return NewTopic.of("orders", 3);
    }

    @FlyMQListener(topics = "${orders.topic:orders}")
    @SendTo("bills")
    Bill bill(Order order, @Header(FlyMQHeaders.KEY) String key) {
      return new Bill(order.id(), order.cents(), key);
    }

    @FlyMQListener(topics = "bills", group = "archive")
    void archive(Bill bill) {
      bills.add(bill);
    }
  }

  @Autowired FlyMQTemplate template;
  @Autowired Application application;
  @Autowired EmbeddedBroker broker;

  @Value("${flymq.bootstrap-servers}")
  String servers;

  @Test
  void sendsObjectsThroughListenersToListeners() throws Exception {
    SendResult sent = template.send("orders", "alice", new Order("o-1", 1250)).get();
    assertThat(sent.metadata().topic()).isEqualTo("orders");
    assertThat(application.bills.poll(20, TimeUnit.SECONDS))
        .isEqualTo(new Bill("o-1", 1250, "alice"));
    assertThat(servers).isEqualTo(broker.address());
  }
}
