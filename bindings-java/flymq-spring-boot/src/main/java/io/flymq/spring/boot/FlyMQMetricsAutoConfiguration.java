package io.flymq.spring.boot;

import io.flymq.client.FlyMQClient;
import io.flymq.spring.observation.FlyMQClientMetrics;
import io.flymq.spring.observation.MessageCounters;
import io.micrometer.core.instrument.MeterRegistry;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** What the client counts, as meters, and records by topic. */
@AutoConfiguration(
    after = FlyMQAutoConfiguration.class,
    afterName = {
      "org.springframework.boot.actuate.autoconfigure.metrics.CompositeMeterRegistryAutoConfiguration",
      "org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration"
    })
@ConditionalOnClass(name = "io.micrometer.core.instrument.MeterRegistry")
public class FlyMQMetricsAutoConfiguration {
  /** Made by Spring Boot. */
  public FlyMQMetricsAutoConfiguration() {}

  @Configuration(proxyBeanMethods = false)
  @ConditionalOnBean({FlyMQClient.class, MeterRegistry.class})
  static class Meters {
    @Bean
    @ConditionalOnMissingBean
    FlyMQClientMetrics flyMQClientMetrics(FlyMQClient client) {
      return new FlyMQClientMetrics(client);
    }

    @Bean
    @ConditionalOnMissingBean
    MessageCounters flyMQMessageCounters(MeterRegistry registry) {
      return new MessageCounters(registry);
    }
  }
}
