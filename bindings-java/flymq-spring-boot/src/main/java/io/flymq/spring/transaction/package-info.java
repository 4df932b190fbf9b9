/** Transactions of FlyMQ as transactions of Spring. */
@org.jspecify.annotations.NullMarked
package io.flymq.spring.transaction;
