package io.flymq.client.internal;

import io.flymq.client.errors.FlyMQException;
import java.time.Duration;
import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;

/**
 * What is done when the JVM exits: producers that are still open send what they have taken in, as far as
 * that takes no more than 2 s; then brokers are closed.
 */
public final class ExitHooks {
  private static final Duration PATIENCE = Duration.ofSeconds(2);
  private static final Set<Handle> PRODUCERS =
      Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));
  private static final Set<AutoCloseable> BROKERS =
      Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));

  private ExitHooks() {}

  static {
    Runtime.getRuntime().addShutdownHook(new Thread(ExitHooks::run, "flymq-exit"));
  }

  /**
   * A producer was opened.
   *
   * @param producer its handle
   */
  public static void flush(Handle producer) {
    PRODUCERS.add(producer);
  }

  /**
   * A broker was started.
   *
   * @param broker the broker
   */
  public static void closeLast(AutoCloseable broker) {
    BROKERS.add(broker);
  }

  private static void run() {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    for (Handle producer : PRODUCERS.toArray(Handle[]::new)) {
      Duration left = Duration.ofNanos(deadline - System.nanoTime());
      quietly(() -> Call.wait(Native::producerFlush, producer.get(), new Out().optional(left)));
    }
    for (AutoCloseable broker : BROKERS.toArray(AutoCloseable[]::new)) {
      quietly(broker::close);
    }
  }

  private interface Step {
    void run() throws Exception;
  }

  /** The JVM is about to exit: there is nobody to tell. */
  private static void quietly(Step step) {
    try {
      step.run();
    } catch (FlyMQException closedOrLate) {
      // Nothing is left to be done.
    } catch (Exception error) {
      throw new IllegalStateException(error);
    }
  }
}
