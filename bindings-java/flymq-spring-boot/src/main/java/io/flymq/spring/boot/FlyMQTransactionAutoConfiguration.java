package io.flymq.spring.boot;

import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.transaction.annotation.AbstractTransactionManagementConfiguration;
import org.springframework.transaction.annotation.EnableTransactionManagement;

/** Has {@code @Transactional} work where Spring Boot's own configuration of it is not there. */
@AutoConfiguration(
    after = FlyMQTransactionManagerAutoConfiguration.class,
    afterName = {
      "org.springframework.boot.autoconfigure.transaction.TransactionAutoConfiguration",
      "org.springframework.boot.transaction.autoconfigure.TransactionAutoConfiguration"
    })
@ConditionalOnProperty("flymq.producer.transaction-id-prefix")
@ConditionalOnMissingBean(AbstractTransactionManagementConfiguration.class)
@EnableTransactionManagement(proxyTargetClass = true)
public class FlyMQTransactionAutoConfiguration {
  /** Made by Spring Boot. */
  public FlyMQTransactionAutoConfiguration() {}
}
