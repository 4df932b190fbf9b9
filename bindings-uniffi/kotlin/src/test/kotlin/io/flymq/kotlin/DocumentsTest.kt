package io.flymq.kotlin

import io.flymq.examples.flow.quickstart
import io.flymq.examples.flow.transfer
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class DocumentsTest {
    @Test
    fun `the guide runs`() = runBlocking<Unit> {
        assertTrue(snippets.size > 5)
        for (snippet in snippets) {
            withClient { broker, client ->
                for (topic in listOf("orders", "invoices", "clicks")) client.createTopic(topic, 3u)
                client.produce("orders", record("apples", "ada"))
                snippet(broker, client)
            }
        }
    }

    @Test
    fun `the examples run`() = runBlocking<Unit> {
        assertEquals(listOf("hello, world"), quickstart())
        assertEquals(3, transfer())
    }
}
