package io.flymq.spring.listener;

import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Role;

/** The beans behind {@link EnableFlyMQ}. */
@Configuration(proxyBeanMethods = false)
@Role(BeanDefinition.ROLE_INFRASTRUCTURE)
class ListenerConfiguration {
  @Bean
  @Role(BeanDefinition.ROLE_INFRASTRUCTURE)
  static ListenerAnnotationProcessor flyMQListenerAnnotationProcessor() {
    return new ListenerAnnotationProcessor();
  }

  @Bean
  FlyMQListenerRegistry flyMQListenerRegistry() {
    return new FlyMQListenerRegistry();
  }
}
