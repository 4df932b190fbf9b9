package io.flymq.spring.listener;

import io.flymq.client.Consumer;
import io.flymq.client.GroupOffset;
import io.flymq.client.errors.FlyMQException;
import io.flymq.client.errors.StaleGenerationException;
import io.flymq.client.errors.UnknownMemberException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Commits what a consumer's listener has processed. What could not be committed is tried again with the next. */
final class Committer {
  private static final Logger log = LoggerFactory.getLogger(Committer.class);
  private static final long PATIENCE_SECONDS = 10;

  private final String listenerId;
  private final Consumer<byte[], byte[]> consumer;
  private final OffsetTracker tracker = new OffsetTracker();
  private final ReentrantLock lock = new ReentrantLock();
  private CompletableFuture<Void> underWay = CompletableFuture.completedFuture(null);

  Committer(String listenerId, Consumer<byte[], byte[]> consumer) {
    this.listenerId = listenerId;
    this.consumer = consumer;
  }

  OffsetTracker tracker() {
    return tracker;
  }

  /** Begins to commit, unless the last commit is still under way: then the next call does. */
  void commitSoon() {
    lock.lock();
    try {
      if (underWay.isDone()) {
        List<GroupOffset> due = tracker.take();
        if (!due.isEmpty()) {
          underWay = begin(due);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private CompletableFuture<Void> begin(List<GroupOffset> due) {
    return consumer
        .commitAsync(due)
        .handle(
            (none, error) -> {
              if (error != null) {
                failed(due, error);
              }
              return null;
            });
  }

  /** Commits and waits for that. */
  void commitNow() {
    lock.lock();
    try {
      awaitUnderWay();
      List<GroupOffset> due = tracker.take();
      if (!due.isEmpty()) {
        try {
          consumer.commit(due);
        } catch (FlyMQException error) {
          failed(due, error);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void awaitUnderWay() {
    try {
      underWay.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException | ExecutionException late) {
      log.warn("Listener {} does not know yet whether a commit was stored", listenerId, late);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void failed(List<GroupOffset> due, Throwable error) {
    Throwable cause = error instanceof CompletionException ? error.getCause() : error;
    if (cause instanceof StaleGenerationException || cause instanceof UnknownMemberException) {
      log.info("Listener {} has lost partitions, whose records others process again", listenerId);
    } else {
      tracker.giveBack(due);
      log.warn("Listener {} could not commit; it tries again", listenerId, cause);
    }
  }
}
