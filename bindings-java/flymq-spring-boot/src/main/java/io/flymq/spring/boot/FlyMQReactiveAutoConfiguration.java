package io.flymq.spring.boot;

import io.flymq.spring.FlyMQTemplate;
import io.flymq.spring.converter.RecordConverter;
import io.flymq.spring.listener.FlyMQListenerContainerFactory;
import io.flymq.spring.reactive.ReactiveFlyMQReceiver;
import io.flymq.spring.reactive.ReactiveFlyMQTemplate;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Sending and receiving with Reactor, where that is on the class path. */
@AutoConfiguration(after = FlyMQListenerAutoConfiguration.class)
@ConditionalOnClass(name = "reactor.core.publisher.Flux")
public class FlyMQReactiveAutoConfiguration {
  /** Made by Spring Boot. */
  public FlyMQReactiveAutoConfiguration() {}

  @Configuration(proxyBeanMethods = false)
  static class Reactive {
    @Bean
    @ConditionalOnMissingBean
    ReactiveFlyMQTemplate reactiveFlyMQTemplate(FlyMQTemplate template) {
      return new ReactiveFlyMQTemplate(template);
    }

    @Bean
    @ConditionalOnMissingBean
    ReactiveFlyMQReceiver reactiveFlyMQReceiver(
        FlyMQListenerContainerFactory flyMQListenerContainerFactory, RecordConverter converter) {
      return new ReactiveFlyMQReceiver(flyMQListenerContainerFactory, converter);
    }
  }
}
