package io.flymq.client.internal;

import io.flymq.client.errors.ErrorCode;
import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * What stands behind an object that can be closed: its number in the native library. An object that is
 * forgotten without being closed is let go of once it is collected.
 */
public final class Handle {
  private static final Cleaner CLEANER = Cleaner.create();

  private final String name;
  private final long number;
  private final AtomicBoolean closed = new AtomicBoolean();
  private final Cleaner.Cleanable cleanable;

  /**
   * A handle.
   *
   * @param owner the object that has it
   * @param name what a user calls the object
   * @param number its number
   */
  public Handle(Object owner, String name, long number) {
    this.name = name;
    this.number = number;
    cleanable = CLEANER.register(owner, () -> Native.release(number));
  }

  /**
   * The number, for a call. Numbers are never used again, so that a call that meets a close is told
   * that the object is closed.
   *
   * @return the number
   * @throws io.flymq.client.errors.ClosedException if the object is closed
   */
  public long get() {
    if (closed.get()) {
      throw ErrorCode.CLOSED.exception("the " + name + " is closed");
    }
    return number;
  }

  /**
   * Whether the object is closed.
   *
   * @return whether it is
   */
  public boolean isClosed() {
    return closed.get();
  }

  /**
   * Closes the object; harmless when closed.
   *
   * @param close what has to be done with the number before it is let go of
   */
  public void close(Consumer<Long> close) {
    if (closed.compareAndSet(false, true)) {
      try {
        close.accept(number);
      } finally {
        cleanable.clean();
      }
    }
  }
}
