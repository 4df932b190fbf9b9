package io.flymq.client;

import io.flymq.client.errors.ErrorCode;
import io.flymq.client.errors.FlyMQException;
import io.flymq.client.errors.SerializationException;
import io.flymq.client.internal.Call;
import io.flymq.client.internal.Errors;
import io.flymq.client.internal.Handle;
import io.flymq.client.internal.In;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Out;
import io.flymq.client.internal.Sender;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The one thread at a time that polls a consumer: it takes the events that come, tells the listener of
 * changes, and has partitions given up.
 */
final class Polling<K, V> {
  private final Consumer<K, V> consumer;
  private final Handle handle;
  private final ConsumerRecords.Decoder<K, V> decoder;
  /** Held by the thread that polls, while it tells the listener too. */
  private final ReentrantLock turn = new ReentrantLock();
  private volatile RebalanceListener listener;
  /** Why records could not be decoded, for the poll that tells it. */
  private final Map<TopicPartition, RecordDeserializationException> refused =
      new ConcurrentHashMap<>();

  Polling(
      Consumer<K, V> consumer,
      Handle handle,
      ConsumerRecords.Decoder<K, V> decoder,
      RebalanceListener listener) {
    this.consumer = consumer;
    this.handle = handle;
    this.decoder = decoder;
    this.listener = listener;
  }

  /** Tells another listener from now on. */
  void tell(RebalanceListener listener) {
    this.listener = listener;
  }

  ConsumerRecords<K, V> poll(Duration timeout, int maxRecords) {
    if (maxRecords < 1) {
      throw Errors.invalid("maxRecords is 1 or more, not " + maxRecords);
    }
    if (!turn.tryLock()) {
      throw Errors.invalid("another thread polls this consumer: use one consumer a thread");
    }
    try {
      if (turn.getHoldCount() > 1) {
        throw Errors.invalid("a rebalance listener cannot poll: return from it first");
      }
      long began = System.nanoTime();
      while (true) {
        Duration left = timeout.minusNanos(System.nanoTime() - began);
        In in = event(maxRecords, left);
        int kind = in.int8();
        if (kind <= 1) {
          return new ConsumerRecords<>(kind == 1 ? in : null, decoder, this::refuse);
        }
        tell(kind, in);
      }
    } catch (SerializationException error) {
      throw told(error);
    } finally {
      turn.unlock();
    }
  }

  /** Decides about a record that cannot be decoded: whether reading goes on behind it. */
  private boolean refuse(RecordDeserializationException error) {
    ConsumerRecord<byte[], byte[]> record = error.record();
    refused.put(record.topicPartition(), error);
    Out out = Partitions.write(new Out(256), record.topicPartition());
    out.int64(record.offset()).int64(record.timestamp());
    out.bytes(record.key()).bytes(record.value()).list(record.headers().toList(), Sender::encode);
    return call(Native::consumerRefuse, out.text(error.details().message())).flag();
  }

  /** The error with the record that it is about. */
  private SerializationException told(SerializationException error) {
    return refused.values().stream()
        .filter(known -> known.details().message().equals(error.details().message()))
        .findFirst()
        .map(SerializationException.class::cast)
        .orElse(error);
  }

  private In event(int maxRecords, Duration timeout) {
    Out out = new Out(16).int32(maxRecords).duration(timeout);
    return Call.wait(Native::consumerPoll, handle.get(), out, this::wakeup, late -> {});
  }

  /** Tells the listener what has to be told before partitions are given up. */
  private void tellPending() {
    In in;
    int kind;
    while ((kind = (in = event(0, Duration.ZERO)).int8()) > 1) {
      tell(kind, in);
    }
  }

  private void tell(int kind, In in) {
    List<TopicPartition> partitions = in.list(Partitions::partition);
    switch (kind) {
      case 2 -> listener.onAssigned(consumer, partitions);
      case 3 -> listener.onRevoked(consumer, partitions);
      default -> listener.onLost(consumer, partitions);
    }
  }

  void wakeup() {
    call(Native::consumerWakeup, new Out());
  }

  void unsubscribe() {
    alone(
        () -> {
          call(Native::consumerUnsubscribe, new Out());
          tellPending();
          return call(Native::consumerEndUnsubscribe, new Out());
        });
  }

  void close(Duration timeout, boolean abandon) {
    if (handle.isClosed()) {
      return;
    }
    alone(
        () -> {
          if (!handle.isClosed()) {
            try {
              call(Native::consumerBeginClose, new Out().flag(abandon));
              tellBeforeClose();
            } finally {
              handle.close(
                  number -> Call.wait(Native::consumerEndClose, number, new Out().duration(timeout)));
            }
          }
          return null;
        });
  }

  private void tellBeforeClose() {
    try {
      tellPending();
    } catch (FlyMQException error) {
      // What polling fails with, such as being fenced, does not keep from closing; what the listener
      // throws is the application's own.
      if (error.code() == ErrorCode.CLOSED.code()) {
        throw error;
      }
    }
  }

  /** Does something while no other thread polls; one that does is woken. */
  private <T> @Nullable T alone(Supplier<@Nullable T> work) {
    if (turn.isHeldByCurrentThread()) {
      throw Errors.invalid("a rebalance listener cannot do this: return from it first");
    }
    try {
      while (!turn.tryLock(10, TimeUnit.MILLISECONDS)) {
        wakeup();
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw ErrorCode.INTERRUPTED.exception("the thread was interrupted while another one polled");
    }
    try {
      return work.get();
    } finally {
      turn.unlock();
    }
  }

  private In call(Call.Operation operation, Out out) {
    return Call.wait(operation, handle.get(), out);
  }
}
