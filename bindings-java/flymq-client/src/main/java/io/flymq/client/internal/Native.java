package io.flymq.client.internal;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The methods of the native library. None of them waits, but for the two that threads of their own
 * drain.
 *
 * <p>Most are of the form of {@link Call.Operation}: what a call is about, the id that it is answered by
 * unless the answer is returned, and its arguments. What the arguments and the answer consist of, the
 * Rust function of the same purpose shows.
 */
public final class Native {
  static {
    NativeLibrary.load();
  }

  private Native() {}

  /** Waits for answers; they are there until the next call. */
  static native ByteBuffer takeCompletions();

  /** Waits for lines of the log. */
  static native byte[] takeLogs();

  /** Begins to log: nothing at level 0, everything at 5. */
  static native void startLogs(int level);

  /** The version that the library was built as. */
  static native String version();

  /** How many handles there are. */
  public static native int openHandles();

  /** Lets go of a handle. */
  static native void release(long handle);

  /** Sends a record, which is always answered by its id. Returns whether it has to wait for room. */
  static native boolean send(long handle, long id, byte[] record, int length);

  /** Takes a record back that waits for room. Returns whether it still did. */
  static native boolean withdraw(long handle, long id);

  public static native byte @Nullable [] clientConnect(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] clientClose(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] clientProduce(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] clientProduceBatch(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] clientConsume(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] clientFetch(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] clientAddresses(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] clientPing(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] clientBroker(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] clientMetrics(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] clientWhoami(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] clientTransaction(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] poolOpen(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] poolGet(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] poolBorrowed(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] poolClose(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] topicCreate(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] topicDelete(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] topicList(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] topicDescribe(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] topicAlter(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] topicAddPartitions(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] topicPartitionCount(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] topicOffsets(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] brokerList(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] clusterStatus(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] userUpsert(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] userDelete(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] userList(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] aclAdd(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] aclRemove(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] aclList(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] groupList(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] groupDescribe(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] groupDelete(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] groupOffsets(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] groupResetOffsets(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] groupLag(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] producerOpen(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] producerFlush(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] producerClose(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] transactionalOpen(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] transactionalClose(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] transactionBegin(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] transactionOffsets(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] transactionProcessed(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] transactionCommit(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] transactionAbort(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerOpen(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerPoll(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerRefuse(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerSubscribe(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerUnsubscribe(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerEndUnsubscribe(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerAssign(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerAssignment(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerSeek(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerPosition(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerLag(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerPause(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerCommit(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerCommitted(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerMember(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerRewind(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerWakeup(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerBeginClose(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] consumerEndClose(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] keyringOpen(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] keyringAdd(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] keyringEncryptWith(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] keyringIds(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] optionList(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] embeddedStart(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] embeddedStop(long handle, long id, byte[] arguments, int length);

  public static native byte @Nullable [] panic(long handle, long id, byte[] arguments, int length);
}
