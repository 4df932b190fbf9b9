package io.flymq.spring.boot;

import io.flymq.spring.FlyMQProducerFactory;
import io.flymq.spring.transaction.FlyMQTransactionManager;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;
import org.springframework.transaction.TransactionManager;

/**
 * Transactions of FlyMQ for {@code @Transactional}. Where the application has other transactions, such as a
 * database's, those are what it means unless it names {@code flyMQTransactionManager}.
 */
@AutoConfiguration(
    after = FlyMQAutoConfiguration.class,
    afterName = {
      "org.springframework.boot.autoconfigure.jdbc.DataSourceTransactionManagerAutoConfiguration",
      "org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration",
      "org.springframework.boot.autoconfigure.orm.jpa.HibernateJpaAutoConfiguration",
      "org.springframework.boot.hibernate.autoconfigure.HibernateJpaAutoConfiguration",
      "org.springframework.boot.autoconfigure.transaction.jta.JtaAutoConfiguration",
      "org.springframework.boot.transaction.jta.autoconfigure.JtaAutoConfiguration"
    },
    beforeName = {
      "org.springframework.boot.autoconfigure.transaction.TransactionAutoConfiguration",
      "org.springframework.boot.transaction.autoconfigure.TransactionAutoConfiguration"
    })
@ConditionalOnProperty("flymq.producer.transaction-id-prefix")
public class FlyMQTransactionManagerAutoConfiguration {
  /** Made by Spring Boot. */
  public FlyMQTransactionManagerAutoConfiguration() {}

  @Order(1)
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnMissingBean(TransactionManager.class)
  static class Alone {
    @Bean
    FlyMQTransactionManager flyMQTransactionManager(FlyMQProducerFactory producers) {
      return new FlyMQTransactionManager(producers);
    }
  }

  @Order(2)
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnMissingBean(FlyMQTransactionManager.class)
  static class BesideOthers {
    @Bean(defaultCandidate = false)
    FlyMQTransactionManager flyMQTransactionManager(FlyMQProducerFactory producers) {
      return new FlyMQTransactionManager(producers);
    }
  }
}
