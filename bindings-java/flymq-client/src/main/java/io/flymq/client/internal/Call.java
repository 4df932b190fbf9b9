package io.flymq.client.internal;

import io.flymq.client.errors.ErrorCode;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Calls of the native library, waited for in Java. */
public final class Call {
  private Call() {}

  /** A method of {@link Native}. */
  @FunctionalInterface
  public interface Operation {
    /**
     * Begins the call.
     *
     * @param handle what it is about
     * @param id what it is answered by, if not at once
     * @param arguments its arguments
     * @param length how many bytes of those
     * @return the answer, or {@code null} if it comes later
     */
    byte @Nullable [] begin(long handle, long id, byte[] arguments, int length);
  }

  /**
   * Makes a call and waits for the answer.
   *
   * @param operation the call
   * @param handle what it is about
   * @param arguments its arguments
   * @return what it has answered
   * @throws io.flymq.client.errors.FlyMQException why it has failed
   * @throws io.flymq.client.errors.WaitInterruptedException if the thread was interrupted, which it
   *     still is then; the call goes on
   */
  public static In wait(Operation operation, long handle, Out arguments) {
    return wait(operation, handle, arguments, null, late -> {});
  }

  /**
   * As {@link #wait(Operation, long, Out)}.
   *
   * @param operation the call
   * @param handle what it is about
   * @param arguments its arguments
   * @param hurry has the call answer soon when the thread is interrupted, so that nothing is lost; if
   *     {@code null}, the answer is not waited for then
   * @param late takes an answer that nobody waits for any more
   * @return what it has answered
   */
  public static In wait(
      Operation operation,
      long handle,
      Out arguments,
      @Nullable Runnable hurry,
      Consumer<In> late) {
    Waiter waiter = new Waiter(late);
    long id = Completions.register(waiter);
    byte[] answer;
    try {
      answer = operation.begin(handle, id, arguments.bytes(), arguments.length());
    } catch (Throwable error) {
      Completions.forget(id);
      throw error;
    }
    if (answer != null) {
      Completions.forget(id);
    } else {
      answer = waiter.await(hurry);
    }
    return Errors.check(new In(answer, 0));
  }

  /**
   * Makes a call that opens something, and waits for its handle.
   *
   * @param operation the call
   * @param handle what it is about
   * @param arguments its arguments
   * @return the new handle
   */
  public static long open(Operation operation, long handle, Out arguments) {
    return openAnd(operation, handle, arguments).int64();
  }

  /**
   * As {@link #open}, for a call that answers more than the handle.
   *
   * @param operation the call
   * @param handle what it is about
   * @param arguments its arguments
   * @return the new handle, and what follows it
   */
  public static In openAnd(Operation operation, long handle, Out arguments) {
    // Nobody would let go of what is opened after the wait was given up.
    return wait(operation, handle, arguments, null, Call::releaseLate);
  }

  private static void releaseLate(In answer) {
    if (answer.int8() == 0) {
      Native.release(answer.int64());
    }
  }

  /**
   * Makes a call without waiting.
   *
   * @param operation the call
   * @param handle what it is about
   * @param arguments its arguments
   * @param read makes a value of the answer
   * @param executor where code of the application hears of it
   * @param <T> the value
   * @return the answer's future
   */
  public static <T> CompletableFuture<T> start(
      Operation operation, long handle, Out arguments, Function<In, T> read, Executor executor) {
    Promise<T> promise = new Promise<>(read, executor);
    long id = Completions.register(promise);
    byte[] answer;
    try {
      answer = operation.begin(handle, id, arguments.bytes(), arguments.length());
    } catch (Throwable error) {
      Completions.forget(id);
      throw error;
    }
    if (answer != null) {
      Completions.forget(id);
      promise.answer(new In(answer, 0));
      promise.tell();
    }
    return promise.future;
  }

  /** A thread that waits. */
  private static final class Waiter extends Pending {
    private final Thread thread = Thread.currentThread();
    private final Consumer<In> late;
    private volatile byte @Nullable [] answer;
    private boolean abandoned;

    Waiter(Consumer<In> late) {
      this.late = late;
    }

    @Override
    protected void answer(In in) {
      byte[] copy = in.copy();
      boolean unwanted;
      synchronized (this) {
        answer = copy;
        unwanted = abandoned;
      }
      if (unwanted) {
        late.accept(new In(copy, 0));
      } else {
        LockSupport.unpark(thread);
      }
    }

    private synchronized boolean abandon() {
      abandoned = answer == null;
      return abandoned;
    }

    byte[] await(@Nullable Runnable hurry) {
      boolean interrupted = false;
      byte[] found;
      while ((found = answer) == null) {
        LockSupport.park(this);
        if (Thread.interrupted()) {
          interrupted = true;
          if (hurry != null) {
            hurry.run();
          } else if (abandon()) {
            Thread.currentThread().interrupt();
            throw ErrorCode.INTERRUPTED.exception("the thread was interrupted while it waited");
          }
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      return found;
    }
  }

  /** A future that waits. */
  private static final class Promise<T> extends Pending {
    final CompletableFuture<T> future = new CompletableFuture<>();
    private final Function<In, T> read;
    private final Executor executor;
    private @Nullable T value;
    private @Nullable Throwable error;

    Promise(Function<In, T> read, Executor executor) {
      this.read = read;
      this.executor = executor;
    }

    @Override
    protected void answer(In answer) {
      try {
        value = read.apply(Errors.check(answer));
      } catch (Throwable failure) {
        error = failure;
      }
    }

    @Override
    protected Executor executor() {
      return executor;
    }

    @Override
    protected void tell() {
      if (error == null) {
        future.complete(value);
      } else {
        future.completeExceptionally(error);
      }
    }
  }
}
