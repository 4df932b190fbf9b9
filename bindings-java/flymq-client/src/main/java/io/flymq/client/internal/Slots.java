package io.flymq.client.internal;

import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** What waits for an answer, by the ids that the native library knows it by. */
final class Slots {
  private final ReentrantLock lock = new ReentrantLock();
  private @Nullable Pending[] pending = new Pending[256];
  /** Ids that are free, in the first {@code free} places. */
  private int[] ids = new int[256];
  private int free;
  private int used;

  /** Gives it an id, which is its own until it is taken. */
  long put(Pending waiting) {
    lock.lock();
    try {
      int id;
      if (free > 0) {
        id = ids[--free];
      } else {
        if (used == pending.length) {
          pending = Arrays.copyOf(pending, 2 * used);
          ids = Arrays.copyOf(ids, 2 * used);
        }
        id = used++;
      }
      pending[id] = waiting;
      return id;
    } finally {
      lock.unlock();
    }
  }

  /** Holds the lock while many are looked up. */
  void lock() {
    lock.lock();
  }

  /** The end of {@link #lock}. */
  void unlock() {
    lock.unlock();
  }

  /** What has the id, which stays its own. */
  @Nullable Pending peek(long id) {
    return pending[(int) id];
  }

  /** What has the id, which is free then. With the lock held. */
  @Nullable Pending take(long id) {
    Pending found = pending[(int) id];
    if (found != null) {
      pending[(int) id] = null;
      ids[free++] = (int) id;
    }
    return found;
  }

  /** As {@link #take}, without the lock held. */
  @Nullable Pending remove(long id) {
    lock.lock();
    try {
      return take(id);
    } finally {
      lock.unlock();
    }
  }
}
