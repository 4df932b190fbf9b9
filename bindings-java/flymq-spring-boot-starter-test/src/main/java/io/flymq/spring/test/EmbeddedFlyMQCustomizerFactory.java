package io.flymq.spring.test;

import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.beans.factory.support.DefaultSingletonBeanRegistry;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.MapPropertySource;
import org.springframework.test.context.ContextConfigurationAttributes;
import org.springframework.test.context.ContextCustomizer;
import org.springframework.test.context.ContextCustomizerFactory;
import org.springframework.test.context.MergedContextConfiguration;
import org.springframework.test.context.TestContextAnnotationUtils;

/** Finds {@link EmbeddedFlyMQ} on test classes. */
class EmbeddedFlyMQCustomizerFactory implements ContextCustomizerFactory {
  @Override
  public @Nullable ContextCustomizer createContextCustomizer(
      Class<?> testClass, List<ContextConfigurationAttributes> attributes) {
    EmbeddedFlyMQ annotation =
        TestContextAnnotationUtils.findMergedAnnotation(testClass, EmbeddedFlyMQ.class);
    return annotation == null ? null : new Customizer(annotation);
  }

  /** Starts the broker before any bean is made. Equal for equal annotations, so that contexts are shared. */
  private record Customizer(EmbeddedFlyMQ annotation) implements ContextCustomizer {
    private static final String BEAN = "embeddedFlyMQ";

    @Override
    public void customizeContext(
        ConfigurableApplicationContext context, MergedContextConfiguration config) {
      EmbeddedBroker broker =
          EmbeddedBroker.builder()
              .port(annotation.port())
              .fsync(annotation.fsync())
              .closeOnExit(false)
              .start();
      createTopics(broker);
      context
          .getEnvironment()
          .getPropertySources()
          .addFirst(
              new MapPropertySource(
                  BEAN, Map.of(annotation.bootstrapServersProperty(), broker.address())));
      ConfigurableListableBeanFactory beans = context.getBeanFactory();
      beans.registerSingleton(BEAN, broker);
      // What was registered first is destroyed last, when nobody needs the broker any more.
      ((DefaultSingletonBeanRegistry) beans).registerDisposableBean(BEAN, broker::close);
    }

    private void createTopics(EmbeddedBroker broker) {
      if (annotation.topics().length == 0) {
        return;
      }
      try (FlyMQClient client = FlyMQClient.connect(broker.address())) {
        for (String topic : annotation.topics()) {
          String[] parts = topic.split(":", 2);
          int partitions = parts.length == 2 ? Integer.parseInt(parts[1]) : annotation.partitions();
          client.createTopic(parts[0], partitions);
        }
      }
    }
  }
}
