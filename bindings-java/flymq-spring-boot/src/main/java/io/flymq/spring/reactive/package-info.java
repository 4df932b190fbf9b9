/** Sending and receiving with Reactor. */
@org.jspecify.annotations.NullMarked
package io.flymq.spring.reactive;
