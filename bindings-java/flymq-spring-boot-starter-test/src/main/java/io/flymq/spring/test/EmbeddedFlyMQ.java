package io.flymq.spring.test;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Starts a broker for the application context of a test, and sets {@code flymq.bootstrap-servers}. The broker is a
 * bean, {@link io.flymq.client.EmbeddedBroker}, and lives as long as the context, which tests with the same
 * configuration share.
 *
 * <pre>{@code
 * @SpringBootTest
 * @EmbeddedFlyMQ(topics = "orders:3")
 * class OrdersTest { … }
 * }</pre>
 */
@Documented
@Inherited
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
public @interface EmbeddedFlyMQ {
  /** {@return topics to create, each as {@code name} or {@code name:partitions}} */
  String[] topics() default {};

  /** {@return how many partitions topics have that do not say} */
  int partitions() default 1;

  /** {@return the port to listen on; 0 for a free one} */
  int port() default 0;

  /** {@return whether records are acknowledged only once they are on the disk} */
  boolean fsync() default false;

  /** {@return the property that is set to the broker's address} */
  String bootstrapServersProperty() default "flymq.bootstrap-servers";
}
