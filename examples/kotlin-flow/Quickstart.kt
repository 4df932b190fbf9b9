package io.flymq.examples.flow

import io.flymq.kotlin.EmbeddedBroker
import io.flymq.kotlin.Placement
import io.flymq.kotlin.StartOffset
import io.flymq.kotlin.connect
import io.flymq.kotlin.messages
import io.flymq.kotlin.record
import io.flymq.kotlin.text
import io.flymq.kotlin.use
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking

/** Stores a record in a broker of its own, and reads it back as a flow. */
suspend fun quickstart(): List<String?> = EmbeddedBroker().use { broker ->
    connect(broker.address()).use { client ->
        client.createTopic("greetings")
        client.produce("greetings", record("hello, world", key = "en"))
        client.consumer().use { consumer ->
            consumer.assign(listOf(Placement("greetings", 0u, StartOffset.Earliest)))
            consumer.messages().map { it.text }.take(1).toList()
        }
    }
}

fun main() = println(runBlocking { quickstart() })
