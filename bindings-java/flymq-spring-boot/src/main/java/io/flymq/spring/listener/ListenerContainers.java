package io.flymq.spring.listener;

import io.flymq.spring.FlyMQTemplate;
import io.flymq.spring.converter.PayloadConverter;
import io.flymq.spring.converter.RecordConverter;
import java.lang.reflect.Array;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.config.BeanExpressionContext;
import org.springframework.beans.factory.config.BeanExpressionResolver;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.messaging.handler.annotation.support.DefaultMessageHandlerMethodFactory;
import org.springframework.validation.Validator;

/** Makes containers of annotated methods. */
final class ListenerContainers {
  static final String DEFAULT_FACTORY = "flyMQListenerContainerFactory";

  private final ConfigurableListableBeanFactory beans;
  private final BeanExpressionContext expressions;

  ListenerContainers(ConfigurableListableBeanFactory beans) {
    this.beans = beans;
    this.expressions = new BeanExpressionContext(beans, null);
  }

  FlyMQListenerContainer create(ListenerEndpoint endpoint) {
    FlyMQListener listener = endpoint.listener();
    String id = text(listener.id());
    if (id.isEmpty()) {
      id = endpoint.name();
    }
    FlyMQListenerContainerFactory factory = factory(id, text(listener.containerFactory()));
    ContainerOptions options = factory.options();
    apply(listener, id, options);
    List<ContainerCustomizer> customizers =
        beans.getBeanProvider(ContainerCustomizer.class).orderedStream().toList();
    for (ContainerCustomizer customizer : customizers) {
      customizer.customize(id, options);
    }
    return factory.create(id, options, handler(endpoint, options.batch));
  }

  private FlyMQListenerContainerFactory factory(String id, String name) {
    String wanted = name.isEmpty() ? DEFAULT_FACTORY : name;
    if (!beans.containsBean(wanted)) {
      throw new ListenerConfigurationException(
          "listener " + id + " needs a container factory named " + wanted,
          "define such a bean, or add the auto-configuration of flymq-spring-boot-starter");
    }
    return beans.getBean(wanted, FlyMQListenerContainerFactory.class);
  }

  private void apply(FlyMQListener listener, String id, ContainerOptions options) {
    List<String> topics = new ArrayList<>();
    for (String topic : listener.topics()) {
      collect(evaluate(topic), topics);
    }
    options.topics(topics).batch(listener.batch());
    set(listener.pattern(), options::pattern);
    set(listener.group(), options::group);
    set(listener.concurrency(), text -> options.concurrency(number(id, text)));
    set(listener.ackMode(), text -> options.ackMode(mode(id, text)));
    set(listener.autoStartup(), text -> options.autoStartup(Boolean.parseBoolean(text)));
    set(listener.filter(), name -> options.filter(beans.getBean(name, RecordFilter.class)));
    set(
        listener.errorHandler(),
        name -> options.errorHandler(beans.getBean(name, ErrorHandler.class)));
    if (listener.properties().length > 0) {
      Map<String, String> properties = new HashMap<>(options.consumerOptions);
      for (String property : listener.properties()) {
        String[] parts = text(property).split("=", 2);
        if (parts.length != 2) {
          throw new ListenerConfigurationException(
              "listener " + id + " has the property " + parts[0], "write it as name=value");
        }
        properties.put(parts[0].trim(), parts[1].trim());
      }
      options.consumerOptions(properties);
    }
  }

  private static int number(String id, String text) {
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException noNumber) {
      throw new ListenerConfigurationException(
          "listener " + id + " has the concurrency " + text, "use a number, such as 3");
    }
  }

  private static AckMode mode(String id, String text) {
    try {
      return AckMode.valueOf(text.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException unknown) {
      throw new ListenerConfigurationException(
          "listener " + id + " has the ack mode " + text,
          "use RECORD, BATCH, MANUAL or MANUAL_IMMEDIATE");
    }
  }

  private RecordHandler handler(ListenerEndpoint endpoint, boolean batch) {
    String name = text(endpoint.listener().converter());
    RecordConverter converter =
        name.isEmpty()
            ? beans.getBean(RecordConverter.class)
            : new RecordConverter(beans.getBean(name, PayloadConverter.class));
    Validator validator = beans.getBeanProvider(Validator.class).getIfUnique();
    DefaultMessageHandlerMethodFactory methods =
        HandlerMethods.factory(beans, converter, validator, batch);
    FlyMQTemplate template = beans.getBeanProvider(FlyMQTemplate.class).getIfAvailable();
    return MethodRecordHandler.of(endpoint, batch, methods, template, this::text);
  }

  private void set(String text, Consumer<String> setter) {
    String value = text(text);
    if (!value.isEmpty()) {
      setter.accept(value);
    }
  }

  String text(String text) {
    Object value = evaluate(text);
    return value == null ? "" : value.toString();
  }

  private @Nullable Object evaluate(String text) {
    String resolved = beans.resolveEmbeddedValue(text);
    BeanExpressionResolver resolver = beans.getBeanExpressionResolver();
    return resolver == null ? resolved : resolver.evaluate(resolved, expressions);
  }

  private static void collect(@Nullable Object value, List<String> topics) {
    if (value instanceof Collection<?> all) {
      all.forEach(one -> collect(one, topics));
    } else if (value != null && value.getClass().isArray()) {
      for (int i = 0; i < Array.getLength(value); i++) {
        collect(Array.get(value, i), topics);
      }
    } else if (value != null) {
      for (String topic : value.toString().split(",")) {
        topics.add(topic.trim());
      }
    }
  }
}
