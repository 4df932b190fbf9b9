package io.flymq.spring.boot;

import io.flymq.client.FlyMQClient;
import io.flymq.spring.listener.FlyMQListenerRegistry;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;

/** What the health indicators, which differ between generations of Spring Boot, have in common. */
@AutoConfiguration(after = FlyMQListenerAutoConfiguration.class)
@ConditionalOnBean(FlyMQClient.class)
public class FlyMQHealthAutoConfiguration {
  /** Made by Spring Boot. */
  public FlyMQHealthAutoConfiguration() {}

  @Bean
  @ConditionalOnMissingBean
  FlyMQHealth flyMQHealth(
      FlyMQClient client,
      ObjectProvider<FlyMQListenerRegistry> listeners,
      FlyMQProperties properties) {
    return new FlyMQHealth(
        client, listeners.getIfAvailable(), properties.getHealth().getTimeout());
  }
}
