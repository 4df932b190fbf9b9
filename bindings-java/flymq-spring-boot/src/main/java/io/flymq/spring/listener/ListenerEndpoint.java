package io.flymq.spring.listener;

import java.lang.reflect.Method;
import java.util.List;

/**
 * An annotated method, or the methods of an annotated class.
 *
 * @param name the name of its container, unless the annotation has one
 * @param bean the bean
 * @param methods its methods
 * @param listener the annotation
 */
record ListenerEndpoint(String name, Object bean, List<Method> methods, FlyMQListener listener) {}
