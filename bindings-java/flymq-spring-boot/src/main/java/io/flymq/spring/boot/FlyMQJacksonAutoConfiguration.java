package io.flymq.spring.boot;

import io.flymq.spring.converter.Jackson2PayloadConverter;
import io.flymq.spring.converter.JacksonPayloadConverter;
import io.flymq.spring.converter.PayloadConverter;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;

/** Objects as JSON: by Jackson 3 if it is there, else by Jackson 2, with the application's mapper. */
@AutoConfiguration(
    afterName = {
      "org.springframework.boot.autoconfigure.jackson.JacksonAutoConfiguration",
      "org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration",
      "org.springframework.boot.jackson2.autoconfigure.Jackson2AutoConfiguration"
    })
public class FlyMQJacksonAutoConfiguration {
  /** Made by Spring Boot. */
  public FlyMQJacksonAutoConfiguration() {}

  @Order(1)
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass(name = "tools.jackson.databind.json.JsonMapper")
  static class Jackson3 {
    @Bean
    @ConditionalOnMissingBean(PayloadConverter.class)
    JacksonPayloadConverter flyMQPayloadConverter(
        ObjectProvider<tools.jackson.databind.json.JsonMapper> mapper) {
      return new JacksonPayloadConverter(
          mapper.getIfUnique(
              () ->
                  tools.jackson.databind.json.JsonMapper.builder().findAndAddModules().build()));
    }
  }

  @Order(2)
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass(name = "com.fasterxml.jackson.databind.json.JsonMapper")
  static class Jackson2 {
    @Bean
    @ConditionalOnMissingBean(PayloadConverter.class)
    Jackson2PayloadConverter flyMQJackson2PayloadConverter(
        ObjectProvider<com.fasterxml.jackson.databind.ObjectMapper> mapper) {
      return new Jackson2PayloadConverter(
          mapper.getIfUnique(
              () ->
                  com.fasterxml.jackson.databind.json.JsonMapper.builder()
                      .findAndAddModules()
                      .build()));
    }
  }
}
