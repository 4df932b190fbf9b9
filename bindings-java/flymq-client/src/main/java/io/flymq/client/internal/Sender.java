package io.flymq.client.internal;

import io.flymq.client.Header;
import io.flymq.client.ProducerRecord;
import io.flymq.client.RecordMetadata;
import io.flymq.client.errors.ErrorCode;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Sends records, so many at a time, and waits for room where there is none. */
public final class Sender {
  /** Kept as long as a record is on its way: it would be given up with its producer. */
  private final Object owner;

  private final Handle handle;
  private final Executor executor;
  private final Semaphore room;
  private final Duration patience;

  /**
   * A sender.
   *
   * @param owner the producer or transaction
   * @param handle its handle
   * @param maxUnconfirmed how many records may be unconfirmed
   * @param patience how long to wait for room
   * @param executor where code of the application hears of records
   */
  public Sender(
      Object owner, Handle handle, int maxUnconfirmed, Duration patience, Executor executor) {
    this.owner = owner;
    this.handle = handle;
    this.executor = executor;
    this.room = new Semaphore(maxUnconfirmed);
    this.patience = patience;
  }

  /** Adds a header. */
  public static Out encode(Out out, Header header) {
    return out.text(header.name()).bytes(header.value());
  }

  /** Adds a record. */
  public static Out encode(Out out, ProducerRecord<byte[], byte[]> record) {
    out.text(record.topic()).flag(record.partition() != null);
    if (record.partition() != null) {
      out.int32(record.partition());
    }
    return out.optional(record.timestamp())
        .bytes(record.key())
        .bytes(record.value())
        .list(record.headers().toList(), Sender::encode);
  }

  /**
   * Sends a record.
   *
   * @param record the record
   * @return where it was stored, once it is
   */
  public CompletableFuture<RecordMetadata> send(ProducerRecord<byte[], byte[]> record) {
    long number = handle.get();
    byte[] value = record.value();
    Out out = encode(new Out(128 + (value == null ? 0 : value.length)), record);
    long deadline = System.nanoTime() + nanos(patience);
    Sending sending = new Sending(record.topic());
    if (!room.tryAcquire()) {
      boolean acquired;
      try {
        acquired = room.tryAcquire(nanos(patience), TimeUnit.NANOSECONDS);
      } catch (InterruptedException interrupted) {
        throw interrupted();
      }
      if (!acquired) {
        return CompletableFuture.failedFuture(full("unconfirmed records"));
      }
    }
    long id = Completions.register(sending);
    if (Native.send(number, id, out.bytes(), out.length()) && !sending.awaitRoom(deadline)) {
      boolean interrupted = Thread.interrupted();
      if (Native.withdraw(number, id)) {
        Completions.forget(id);
        room.release();
        if (interrupted) {
          throw interrupted();
        }
        return CompletableFuture.failedFuture(full("bytes of records"));
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    return sending.future;
  }

  private static long nanos(Duration duration) {
    return duration.compareTo(Duration.ofDays(365)) > 0
        ? Duration.ofDays(365).toNanos()
        : duration.toNanos();
  }

  private static RuntimeException interrupted() {
    Thread.currentThread().interrupt();
    return ErrorCode.INTERRUPTED.exception("the thread was interrupted while it waited for room");
  }

  private RuntimeException full(String what) {
    return ErrorCode.BUFFER_FULL.exception(
        "the producer has as many " + what + " as it takes, and there was no room within " + patience);
  }

  /** A record on its way. */
  private final class Sending extends Pending {
    final CompletableFuture<RecordMetadata> future = new CompletableFuture<>();
    private final String topic;
    private @Nullable RecordMetadata stored;
    private @Nullable Throwable error;
    private volatile @Nullable Thread waiting;
    private volatile boolean taken;

    Sending(String topic) {
      this.topic = topic;
    }

    @Override
    protected void admitted() {
      taken = true;
      Thread thread = waiting;
      if (thread != null) {
        LockSupport.unpark(thread);
      }
    }

    /** Waits until there is room, the deadline has passed, or the thread is interrupted. */
    boolean awaitRoom(long deadline) {
      waiting = Thread.currentThread();
      while (!taken) {
        long left = deadline - System.nanoTime();
        if (left <= 0 || Thread.currentThread().isInterrupted()) {
          return taken;
        }
        LockSupport.parkNanos(this, left);
      }
      return true;
    }

    @Override
    protected void answer(In in) {
      if (in.int8() == 0) {
        stored = new RecordMetadata(topic, in.int32(), in.int64(), in.int64());
      } else {
        error = Errors.read(in);
      }
      admitted();
    }

    @Override
    protected Executor executor() {
      return executor;
    }

    @Override
    protected boolean isAwaited() {
      return future.getNumberOfDependents() > 0;
    }

    @Override
    protected void tell() {
      Reference.reachabilityFence(owner);
      room.release();
      if (error == null) {
        future.complete(stored);
      } else {
        future.completeExceptionally(error);
      }
    }
  }
}
