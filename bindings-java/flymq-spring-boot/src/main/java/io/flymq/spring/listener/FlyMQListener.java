package io.flymq.spring.listener;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A method that handles records of topics, or a class whose {@link FlyMQHandler} methods do, each those of a type.
 *
 * <pre>{@code
 * @FlyMQListener(topics = "orders", group = "billing")
 * void bill(Order order, @Header(FlyMQHeaders.OFFSET) long offset) {
 *   …
 * }
 * }</pre>
 *
 * <p>The method may take, in any order: the value, as text, bytes or an object that it is converted to; a {@code
 * ConsumerRecord}; {@code @Header} and {@code @Headers}; {@link Acknowledgment}; {@code Message}; the {@code
 * Consumer}; {@link Delivery}. With {@link #batch()} a {@code List} of values or of {@code ConsumerRecord}s. What it
 * returns is sent to the topic of {@code @SendTo}, with the record's key; a {@code CompletionStage} is waited for.
 *
 * <p>All text may hold {@code ${placeholders}} and {@code #{expressions}}.
 */
@Documented
@Target({ElementType.METHOD, ElementType.TYPE, ElementType.ANNOTATION_TYPE})
@Retention(RetentionPolicy.RUNTIME)
public @interface FlyMQListener {
  /** {@return the name of its container; by default the bean's and the method's names} */
  String id() default "";

  /** {@return the topics; an expression may yield a collection} */
  String[] topics() default {};

  /** {@return in place of topics, a regular expression in RE2 syntax for whole names} */
  String pattern() default "";

  /** {@return the group; by default {@code flymq.consumer.group-id}} */
  String group() default "";

  /** {@return how many consumers share the work; by default {@code flymq.listener.concurrency}} */
  String concurrency() default "";

  /** {@return whether all records of a poll are handed over at once} */
  boolean batch() default false;

  /**
   * {@return when records count as processed: RECORD, BATCH, MANUAL or MANUAL_IMMEDIATE; by default {@code
   * flymq.listener.ack-mode}}
   */
  String ackMode() default "";

  /** {@return whether it starts with the application; by default {@code flymq.listener.auto-startup}} */
  String autoStartup() default "";

  /** {@return the name of a {@link RecordFilter} bean; by default the only one there is} */
  String filter() default "";

  /**
   * {@return the name of a {@link io.flymq.spring.converter.PayloadConverter} bean; by default the only one
   * there is}
   */
  String converter() default "";

  /** {@return the name of an {@link ErrorHandler} bean; by default the only one there is} */
  String errorHandler() default "";

  /**
   * {@return the name of a {@link FlyMQListenerContainerFactory} bean; by default {@code
   * flyMQListenerContainerFactory}}
   */
  String containerFactory() default "";

  /**
   * {@return options of its consumers, each {@code name=value} with the names in {@code docs/options.md}}
   */
  String[] properties() default {};
}
