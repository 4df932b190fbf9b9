package io.flymq.spring.listener;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A method of a {@link FlyMQListener} class that handles records of one type: those whose header {@link
 * io.flymq.spring.FlyMQHeaders#TYPE} is the simple name of its value's class.
 */
@Documented
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface FlyMQHandler {
  /** {@return the type, if it is not the simple name of the value's class} */
  String value() default "";

  /** {@return whether it handles records that no other method does} */
  boolean isDefault() default false;
}
