/** Tests with a broker: {@link io.flymq.spring.test.EmbeddedFlyMQ}. */
@org.jspecify.annotations.NullMarked
package io.flymq.spring.test;
