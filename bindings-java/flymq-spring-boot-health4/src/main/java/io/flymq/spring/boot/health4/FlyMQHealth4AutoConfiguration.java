package io.flymq.spring.boot.health4;

import io.flymq.spring.boot.FlyMQHealth;
import io.flymq.spring.boot.FlyMQHealthAutoConfiguration;
import org.springframework.boot.health.autoconfigure.contributor.ConditionalOnEnabledHealthIndicator;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** The health indicator, unless {@code management.health.flymq.enabled} is false. */
@AutoConfiguration(after = FlyMQHealthAutoConfiguration.class)
@ConditionalOnClass(name = "org.springframework.boot.health.autoconfigure.contributor.ConditionalOnEnabledHealthIndicator")
public class FlyMQHealth4AutoConfiguration {
  /** Made by Spring Boot. */
  public FlyMQHealth4AutoConfiguration() {}

  @Configuration(proxyBeanMethods = false)
  @ConditionalOnBean(FlyMQHealth.class)
  @ConditionalOnEnabledHealthIndicator("flymq")
  static class Indicator {
    @Bean
    @ConditionalOnMissingBean(name = "flymqHealthIndicator")
    FlyMQHealthIndicator flymqHealthIndicator(FlyMQHealth health) {
      return new FlyMQHealthIndicator(health);
    }
  }
}
