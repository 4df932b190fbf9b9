package io.flymq.client;

import io.flymq.client.internal.Call;
import io.flymq.client.internal.Handle;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Out;
import java.time.Duration;
import java.util.concurrent.Executor;

/**
 * Up to so many clients, each of which one borrower has at a time. Made by {@link
 * FlyMQClientBuilder#pool}.
 *
 * <p>One {@link FlyMQClient} serves any number of threads over one connection, and that is enough for
 * most programs. A pool is for those that want several connections, or work that has a client for itself.
 */
public final class FlyMQClientPool implements AutoCloseable {
  private static final Duration LONG = Duration.ofDays(365);

  private final Handle handle;
  private final int size;
  private final Executor executor;

  FlyMQClientPool(long number, int size, Executor executor) {
    this.handle = new Handle(this, "pool", number);
    this.size = size;
    this.executor = executor;
  }

  /**
   * Borrows a client: one that was given back, else a new one. Waits while all are borrowed; who waits
   * longest is served first. Closing the client gives it back.
   *
   * @return the client
   * @throws io.flymq.client.errors.FlyMQException as {@link FlyMQClientBuilder#connect()}
   */
  public FlyMQClient get() {
    return get(LONG);
  }

  /**
   * As {@link #get()}, within a time.
   *
   * @param timeout how long to wait
   * @return the client
   * @throws io.flymq.client.errors.RequestTimeoutException if all are borrowed for all of that time
   */
  public FlyMQClient get(Duration timeout) {
    long number = Call.open(Native::poolGet, handle.get(), new Out().duration(timeout));
    return new FlyMQClient(number, executor);
  }

  /** {@return how many clients there may be} */
  public int size() {
    return size;
  }

  /** {@return how many clients are borrowed} */
  public int borrowed() {
    return Call.wait(Native::poolBorrowed, handle.get(), new Out()).int32();
  }

  /** Closes the clients that nobody has; those that are borrowed end when they are given back. */
  @Override
  public void close() {
    handle.close(number -> Call.wait(Native::poolClose, number, new Out()));
  }
}
