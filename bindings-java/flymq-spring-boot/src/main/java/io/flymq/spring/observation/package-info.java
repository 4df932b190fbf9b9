/** What is told to Micrometer: spans, timers and counters. */
@org.jspecify.annotations.NullMarked
package io.flymq.spring.observation;
