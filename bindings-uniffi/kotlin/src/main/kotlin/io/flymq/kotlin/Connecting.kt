package io.flymq.kotlin

import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.withContext

/** Keeps the thread that tells of answers attached to the JVM: attaching it anew each time costs more. */
private object Bell {
    init {
        val attached = CallbackThreadInitializer(true, false, "flymq-bell")
        Native.setCallbackThreadInitializer(uniffiRustFutureContinuationCallbackImpl, attached)
    }
}

/**
 * Connects to `addresses`: `host:port`, several of them with commas between, or a `flymq://` URL; by
 * default what FLYMQ_BOOTSTRAP_SERVERS says, or `localhost:9092`. Options are set in [configure].
 */
suspend fun connect(addresses: String? = null, configure: ClientBuilder.() -> Unit = {}): Client {
    Bell
    val client = ClientBuilder(addresses).use {
        it.configure()
        it.build()
    }
    try {
        client.connect()
        return client
    } catch (failure: Throwable) {
        client.close()
        throw failure
    }
}

/** Runs [block] with the client, and closes it in good order: what is under way is still sent. */
suspend inline fun <R> Client.use(block: (Client) -> R): R =
    ending(this, { shutdown() }, { shutdown() }, block)

/** Runs [block] with the producer, and closes it in good order: what it holds is still sent. */
suspend inline fun <R> Producer.use(block: (Producer) -> R): R =
    ending(this, { shutdown() }, { shutdown() }, block)

/** Runs [block] with the producer; what it has left open is aborted. */
suspend inline fun <R> TransactionalProducer.use(block: (TransactionalProducer) -> R): R =
    ending(this, { shutdown() }, { shutdown() }, block)

/**
 * Runs [block] with the consumer, and leaves its group: with auto-commit what it has returned is
 * committed, unless [block] has failed.
 */
suspend inline fun <R> Consumer.use(block: (Consumer) -> R): R =
    ending(this, { shutdown() }, { abandon() }, block)

/** Starts the broker, runs [block] with it, and stops it. */
suspend inline fun <R> EmbeddedBroker.use(block: (EmbeddedBroker) -> R): R =
    ending(this, { shutdown() }, { shutdown() }) {
        start()
        block(it)
    }

/** Runs [block], and then what ends [resource], whether or not the coroutine is cancelled. */
@PublishedApi
internal suspend inline fun <T : AutoCloseable, R> ending(
    resource: T,
    noinline done: suspend () -> Unit,
    noinline failed: suspend () -> Unit,
    block: (T) -> R,
): R {
    val result = try {
        block(resource)
    } catch (failure: Throwable) {
        end(resource, failed, failure)
        throw failure
    }
    end(resource, done, null)
    return result
}

@PublishedApi
internal suspend fun end(resource: AutoCloseable, ending: suspend () -> Unit, failure: Throwable?) {
    withContext(NonCancellable) {
        try {
            ending()
        } catch (late: FlyMqException) {
            if (failure == null) throw late
            failure.addSuppressed(late)
        } finally {
            resource.close()
        }
    }
}
