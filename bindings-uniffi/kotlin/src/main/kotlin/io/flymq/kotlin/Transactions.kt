package io.flymq.kotlin

import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.withContext

/** Begins a transaction, runs [block] and commits; if [block] fails, or is cancelled, it is aborted. */
suspend inline fun <R> TransactionalProducer.inTransaction(block: (Transaction) -> R): R =
    transaction().let { transaction ->
        try {
            transaction.begin()
            val result = block(transaction)
            transaction.commit()
            result
        } catch (failure: Throwable) {
            giveUp(transaction, failure)
            throw failure
        } finally {
            transaction.close()
        }
    }

@PublishedApi
internal suspend fun giveUp(transaction: Transaction, failure: Throwable) {
    withContext(NonCancellable) {
        try {
            transaction.abort()
        } catch (over: FlyMqException) {
            failure.addSuppressed(over)
        }
    }
}
