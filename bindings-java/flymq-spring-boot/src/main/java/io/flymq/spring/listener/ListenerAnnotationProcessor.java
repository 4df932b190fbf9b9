package io.flymq.spring.listener;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.aop.framework.AopProxyUtils;
import org.springframework.aop.support.AopUtils;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.BeanFactoryAware;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.core.MethodIntrospector;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.core.annotation.AnnotationUtils;

/** Finds {@link FlyMQListener} methods, and has a container made for each once all beans are there. */
final class ListenerAnnotationProcessor
    implements BeanPostProcessor, BeanFactoryAware, SmartInitializingSingleton, Ordered {
  private final Set<Class<?>> without = ConcurrentHashMap.newKeySet();
  private final List<ListenerEndpoint> endpoints = new ArrayList<>();
  private ConfigurableListableBeanFactory beans;

  @Override
  public void setBeanFactory(BeanFactory beanFactory) {
    beans = (ConfigurableListableBeanFactory) beanFactory;
  }

  @Override
  public Object postProcessAfterInitialization(Object bean, String beanName) {
    Class<?> type = AopProxyUtils.ultimateTargetClass(bean);
    if (without.contains(type)
        || !AnnotationUtils.isCandidateClass(
            type, List.of(FlyMQListener.class, FlyMQHandler.class))) {
      return bean;
    }
    Map<Method, FlyMQListener> methods =
        MethodIntrospector.selectMethods(
            type,
            (MethodIntrospector.MetadataLookup<FlyMQListener>)
                method -> AnnotatedElementUtils.findMergedAnnotation(method, FlyMQListener.class));
    FlyMQListener onClass = AnnotatedElementUtils.findMergedAnnotation(type, FlyMQListener.class);
    if (methods.isEmpty() && onClass == null) {
      without.add(type);
    }
    synchronized (endpoints) {
      methods.forEach(
          (method, listener) ->
              endpoints.add(
                  new ListenerEndpoint(
                      beanName + "." + method.getName(),
                      bean,
                      List.of(AopUtils.selectInvocableMethod(method, bean.getClass())),
                      listener)));
      if (onClass != null) {
        endpoints.add(new ListenerEndpoint(beanName, bean, handlers(bean, type), onClass));
      }
    }
    return bean;
  }

  private static List<Method> handlers(Object bean, Class<?> type) {
    List<Method> handlers =
        MethodIntrospector.selectMethods(
                type,
                (Method method) ->
                    AnnotatedElementUtils.hasAnnotation(method, FlyMQHandler.class))
            .stream()
            .map(method -> AopUtils.selectInvocableMethod(method, bean.getClass()))
            .toList();
    if (handlers.isEmpty()) {
      throw new ListenerConfigurationException(
          type.getName() + " is a listener without methods",
          "put @FlyMQHandler on those that handle records");
    }
    return handlers;
  }

  @Override
  public void afterSingletonsInstantiated() {
    List<ListenerEndpoint> found;
    synchronized (endpoints) {
      found = List.copyOf(endpoints);
      endpoints.clear();
    }
    if (!found.isEmpty()) {
      ListenerContainers containers = new ListenerContainers(beans);
      FlyMQListenerRegistry registry = beans.getBean(FlyMQListenerRegistry.class);
      found.forEach(endpoint -> registry.register(containers.create(endpoint)));
    }
  }

  /** Behind those that make proxies, so that listeners are called through them. */
  @Override
  public int getOrder() {
    return LOWEST_PRECEDENCE;
  }
}
