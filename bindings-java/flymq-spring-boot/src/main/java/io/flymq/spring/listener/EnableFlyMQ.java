package io.flymq.spring.listener;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.springframework.context.annotation.Import;

/**
 * Has {@link FlyMQListener} methods called. Spring Boot does this by itself; elsewhere put it on a configuration
 * class with a {@link FlyMQListenerContainerFactory} bean named {@code flyMQListenerContainerFactory}.
 */
@Documented
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Import(ListenerConfiguration.class)
public @interface EnableFlyMQ {}
