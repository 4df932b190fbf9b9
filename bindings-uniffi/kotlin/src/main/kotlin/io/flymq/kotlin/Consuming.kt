package io.flymq.kotlin

import kotlin.time.Duration
import kotlin.time.Duration.Companion.ZERO
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.withContext

/**
 * At most [maxRecords] records, as soon as there are any; none if there are none within [timeout]. If
 * the coroutine is cancelled while it waits, no record is lost.
 *
 * Coming back means that all records of the call before are processed, as far as auto-commit is concerned.
 */
suspend fun Consumer.poll(maxRecords: Int = 500, timeout: Duration = 1.seconds): List<Message> {
    val end = TimeSource.Monotonic.markNow() + timeout
    while (true) {
        currentCoroutineContext().ensureActive()
        val messages = take(maxRecords.toUInt())
        if (messages.isNotEmpty()) return messages
        val left = maxOf(-end.elapsedNow(), ZERO)
        if (!ready(left.inWholeMilliseconds.toULong()) && left == ZERO) return messages
    }
}

/**
 * The consumer's records, without an end. A record counts as processed, as far as auto-commit is
 * concerned, once the collector has come back for more; those that the flow has read and not passed on
 * when its collector ends are returned again.
 */
fun Consumer.messages(maxRecords: Int = 500): Flow<Message> = flow {
    while (true) {
        val batch = poll(maxRecords, 60.seconds)
        var next = 0
        try {
            while (next < batch.size) {
                emit(batch[next])
                next++
            }
        } finally {
            if (next < batch.size) {
                withContext(NonCancellable) { unread(batch.subList(next, batch.size)) }
            }
        }
    }
}

/**
 * Records of one partition from [offset] on, at most [maxRecords] of at most about [maxBytes]; empty at
 * the end of the log, once [wait] is over.
 */
suspend fun Client.fetch(
    topic: String,
    partition: Int,
    offset: Long,
    maxRecords: Int = 10_000,
    maxBytes: Int = 1 shl 20,
    wait: Duration = ZERO,
    isolation: Isolation = Isolation.READ_COMMITTED,
): List<Message> {
    val millis = wait.inWholeMilliseconds.toULong()
    val options = FetchOptions(maxRecords.toUInt(), maxBytes.toUInt(), millis, isolation)
    return fetching(topic, partition.toUInt(), offset.toULong(), options).use {
        it.ready()
        it.take()
    }
}
