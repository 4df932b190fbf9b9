package io.flymq.spring.boot;

import io.flymq.spring.FlyMQConsumerFactory;
import io.flymq.spring.FlyMQProducerFactory;
import io.flymq.spring.FlyMQTemplate;
import io.flymq.spring.listener.ContainerOptions;
import io.flymq.spring.listener.DeadLetterPublisher;
import io.flymq.spring.listener.DefaultErrorHandler;
import io.flymq.spring.listener.EnableFlyMQ;
import io.flymq.spring.listener.ErrorHandler;
import io.flymq.spring.listener.FlyMQListenerContainerFactory;
import io.flymq.spring.listener.ListenerConfigurationException;
import io.flymq.spring.listener.ListenerInterceptor;
import io.flymq.spring.listener.RecordFilter;
import io.flymq.spring.listener.RecordRecoverer;
import io.flymq.spring.observation.FlyMQProcessConvention;
import io.flymq.spring.transaction.FlyMQTransactionManager;
import io.micrometer.observation.ObservationRegistry;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.system.JavaVersion;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.core.task.SimpleAsyncTaskExecutor;

/** What calls methods with {@code @FlyMQListener}. */
@AutoConfiguration(
    after = {FlyMQAutoConfiguration.class, FlyMQTransactionManagerAutoConfiguration.class})
public class FlyMQListenerAutoConfiguration {
  /** Made by Spring Boot. */
  public FlyMQListenerAutoConfiguration() {}

  @Configuration(proxyBeanMethods = false)
  @EnableFlyMQ
  @ConditionalOnMissingBean(name = "flyMQListenerAnnotationProcessor")
  static class Enable {}

  @Bean
  @ConditionalOnMissingBean
  RecordRecoverer flyMQRecordRecoverer(FlyMQProperties properties, FlyMQTemplate template) {
    DeadLetterProperties deadLetter = properties.getListener().getDeadLetter();
    if (!deadLetter.isEnabled()) {
      // The error handler has logged it.
      return (record, failure) -> {};
    }
    return new DeadLetterPublisher(template, record -> record.topic() + deadLetter.getSuffix());
  }

  @Bean
  @ConditionalOnMissingBean
  ErrorHandler flyMQErrorHandler(FlyMQProperties properties, RecordRecoverer recoverer) {
    AttemptsProperties retry = properties.getListener().getRetry();
    return new DefaultErrorHandler(
            DefaultErrorHandler.backOff(
                retry.getMaxAttempts(),
                retry.getInitialInterval(),
                retry.getMultiplier(),
                retry.getMaxInterval()),
            recoverer)
        .addNotRetryable(retry.getNotRetryable());
  }

  @Bean(name = "flyMQListenerContainerFactory")
  @ConditionalOnMissingBean(name = "flyMQListenerContainerFactory")
  FlyMQListenerContainerFactory flyMQListenerContainerFactory(
      FlyMQProperties properties,
      FlyMQConsumerFactory consumers,
      FlyMQProducerFactory producers,
      Environment environment,
      ObjectProvider<ErrorHandler> errorHandler,
      ObjectProvider<RecordFilter> filter,
      ObjectProvider<ListenerInterceptor> interceptor,
      ListableBeanFactory beans,
      ObjectProvider<ObservationRegistry> observations,
      ObjectProvider<FlyMQProcessConvention> convention) {
    ListenerProperties listener = properties.getListener();
    ContainerOptions options =
        new ContainerOptions()
            .autoStartup(listener.isAutoStartup())
            .concurrency(listener.getConcurrency())
            .ackMode(listener.getAckMode())
            .pollTimeout(listener.getPollTimeout())
            .shutdownTimeout(listener.getShutdownTimeout())
            .recoveryInterval(listener.getRecoveryInterval())
            .missingTopicsFatal(listener.isMissingTopicsFatal())
            .filter(filter.getIfUnique())
            .interceptor(interceptor.getIfUnique())
            .observations(
                observations.getIfUnique(() -> ObservationRegistry.NOOP),
                convention.getIfUnique());
    errorHandler.ifUnique(options::errorHandler);
    if (listener.isTransactional()) {
      options.transactions(transactionManager(beans), producers);
    }
    if (environment.getProperty("spring.threads.virtual.enabled", Boolean.class, false)
        && JavaVersion.getJavaVersion().isEqualOrNewerThan(JavaVersion.TWENTY_ONE)) {
      SimpleAsyncTaskExecutor executor = new SimpleAsyncTaskExecutor("flymq-listener-");
      executor.setVirtualThreads(true);
      options.taskExecutor(executor);
    }
    return new FlyMQListenerContainerFactory(consumers, options);
  }

  /** By name: beside a database's manager ours is not injected by type. */
  private static FlyMQTransactionManager transactionManager(ListableBeanFactory beans) {
    String[] names = beans.getBeanNamesForType(FlyMQTransactionManager.class);
    if (names.length == 0) {
      throw new ListenerConfigurationException(
          "flymq.listener.transactional is set, but there are no transactions",
          "set flymq.producer.transaction-id-prefix");
    }
    return beans.getBean(names[0], FlyMQTransactionManager.class);
  }
}
