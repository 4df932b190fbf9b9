/** Sending to FlyMQ with Spring: begin with {@link io.flymq.spring.FlyMQTemplate}. */
@org.jspecify.annotations.NullMarked
package io.flymq.spring;
