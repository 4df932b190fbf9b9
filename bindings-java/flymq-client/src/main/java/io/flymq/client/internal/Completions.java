package io.flymq.client.internal;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers of the native library that come later, in batches, on a daemon thread that does nothing
 * else. What the application has to hear of goes on to executors, one task a batch, so that none of
 * its code can hold up others' answers.
 */
final class Completions {
  /** The status of an answer that says no more than that a record is taken in. */
  static final int ADMITTED = 2;

  private static final Logger log = LoggerFactory.getLogger(Completions.class);
  private static final Slots SLOTS = new Slots();

  private Completions() {}

  static {
    Thread thread = new Thread(Completions::run, "flymq-completions");
    thread.setDaemon(true);
    thread.start();
  }

  /** Gives what waits an id to be answered by. */
  static long register(Pending pending) {
    return SLOTS.put(pending);
  }

  /** Takes an id back that will not be answered. */
  static void forget(long id) {
    SLOTS.remove(id);
  }

  private static void run() {
    while (true) {
      try {
        ByteBuffer batch = Native.takeCompletions();
        if (batch == null) {
          return;
        }
        deliver(batch);
      } catch (Throwable error) {
        log.error("A batch of answers could not be delivered; please report this", error);
      }
    }
  }

  /** Each answer has an id, its length, and a status to begin with. */
  private static void deliver(ByteBuffer batch) {
    List<Pending> done = new ArrayList<>();
    SLOTS.lock();
    try {
      ByteBuffer scan = batch.duplicate();
      while (scan.hasRemaining()) {
        long id = scan.getLong();
        int length = scan.getInt();
        boolean last = scan.get(scan.position()) != ADMITTED;
        done.add(last ? SLOTS.take(id) : SLOTS.peek(id));
        scan.position(scan.position() + length);
      }
    } finally {
      SLOTS.unlock();
    }
    Map<Executor, List<Pending>> told = new HashMap<>();
    Executor lastExecutor = null;
    List<Pending> lastList = null;
    for (Pending pending : done) {
      batch.getLong();
      int length = batch.getInt();
      int end = batch.position() + length;
      if (pending != null) {
        In answer = new In(batch.slice(batch.position(), length));
        if (batch.get(batch.position()) == ADMITTED) {
          pending.admitted();
        } else {
          pending.answer(answer);
          Executor executor = pending.executor();
          if (executor != null) {
            if (executor != lastExecutor) {
              lastExecutor = executor;
              lastList = told.computeIfAbsent(executor, e -> new ArrayList<>());
            }
            lastList.add(pending);
          }
        }
      }
      batch.position(end);
    }
    told.forEach(Completions::tell);
  }

  private static void tell(Executor executor, List<Pending> pending) {
    execute(
        executor,
        () -> {
          List<Pending> awaited = new ArrayList<>();
          for (Pending one : pending) {
            if (one.isAwaited()) {
              awaited.add(one);
            } else {
              one.tell();
            }
          }
          tellEach(executor, awaited, 0);
        });
  }

  /** Tells one after the other. The rest is handed on first, since code that is told may wait for it. */
  private static void tellEach(Executor executor, List<Pending> pending, int index) {
    if (index + 1 < pending.size()) {
      execute(executor, () -> tellEach(executor, pending, index + 1));
    }
    if (index < pending.size()) {
      pending.get(index).tell();
    }
  }

  private static void execute(Executor executor, Runnable task) {
    try {
      executor.execute(task);
    } catch (RejectedExecutionException shutDown) {
      // Whoever waits for these must not wait for ever.
      Callbacks.DEFAULT.execute(task);
    }
  }
}
