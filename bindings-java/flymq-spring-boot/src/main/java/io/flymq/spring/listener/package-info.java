/** Methods that handle records: {@link io.flymq.spring.listener.FlyMQListener}, and the containers that call them. */
@org.jspecify.annotations.NullMarked
package io.flymq.spring.listener;
