package io.flymq.examples.flow

import io.flymq.kotlin.EmbeddedBroker
import io.flymq.kotlin.connect
import io.flymq.kotlin.fetch
import io.flymq.kotlin.inTransaction
import io.flymq.kotlin.poll
import io.flymq.kotlin.record
import io.flymq.kotlin.text
import io.flymq.kotlin.use
import kotlinx.coroutines.runBlocking

/** Reads orders as a member of a group, and writes an invoice for each, exactly once. */
suspend fun transfer(): Int = EmbeddedBroker().use { broker ->
    connect(broker.address()).use { client ->
        client.createTopic("orders")
        client.createTopic("invoices")
        client.produceBatch("orders", listOf("apples", "pears", "plums").map { record(it) })
        val options = mapOf("group" to "billing", "auto_commit_interval_ms" to "0")
        client.consumer(options).use { consumer ->
            consumer.subscribe(listOf("orders"))
            client.transactionalProducer("billing-1").use { producer ->
                var billed = 0
                while (billed < 3) {
                    val orders = consumer.poll()
                    if (orders.isEmpty()) continue
                    producer.inTransaction { transaction ->
                        transaction.sendAll("invoices", orders.map { record("invoice for ${it.text}") })
                        transaction.sendProcessed(consumer)
                    }
                    billed += orders.size
                }
            }
        }
        client.fetch("invoices", 0, 0).size
    }
}

fun main() = println("${runBlocking { transfer() }} invoices")
