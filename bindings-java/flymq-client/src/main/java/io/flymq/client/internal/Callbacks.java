package io.flymq.client.internal;

import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinWorkerThread;

/** Where code of the application hears of answers, unless it names an executor of its own. */
public final class Callbacks {
  /**
   * A pool of daemon threads. It grows while one of them waits for a future, so that waiting for one
   * answer while hearing of another is no deadlock.
   */
  public static final Executor DEFAULT =
      new ForkJoinPool(
          Math.max(2, Runtime.getRuntime().availableProcessors()),
          pool -> {
            ForkJoinWorkerThread thread =
                ForkJoinPool.defaultForkJoinWorkerThreadFactory.newThread(pool);
            thread.setName("flymq-callback-" + thread.getPoolIndex());
            return thread;
          },
          null,
          true);

  private Callbacks() {}
}
