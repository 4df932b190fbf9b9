package io.flymq.kotlin

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class ErrorsTest {
    private val table = conformance("errors.json")["errors"]

    @Test
    fun `the table is the one of all languages`() {
        val found = errorTable()
        assertEquals(table.map { it["name"].asText() }, found.map { it.name })
        assertEquals(table.map { it["code"].asInt().toUShort() }, found.map { it.number })
        assertEquals(table.map { it["retriable"].asBoolean() }, found.map { it.retriable })
        assertEquals(table.map { it["hint"].asText() }, found.map { it.hint })
        assertEquals(found.map { it.name }, found.map { it.code.name })
    }

    @Test
    fun `an error of every code arrives with it`() = runBlocking<Unit> {
        peer("refuse") { address ->
            connect(address) { set("request_timeout_ms", "200") }.use { client ->
                for (entry in table) {
                    val name = entry["name"].asText()
                    val error = assertThrows<FlyMqException> { runBlocking { client.deleteTopic(name) } }
                    assertEquals(name, error.details.name)
                    assertEquals(ErrorCode.valueOf(name), error.code)
                    assertEquals(entry["code"].asInt().toUShort(), error.details.number)
                    assertEquals(entry["hint"].asText(), error.details.hint)
                    assertTrue(error.toString().contains("as it was asked to"), error.toString())
                    val families = mapOf(
                        1 to FlyMqException.Protocol::class, 2 to FlyMqException.Session::class,
                        3 to FlyMqException.Topic::class, 4 to FlyMqException.Log::class,
                        5 to FlyMqException.Group::class, 6 to FlyMqException.Transaction::class,
                        7 to FlyMqException.Broker::class, 9 to FlyMqException.Client::class,
                    )
                    assertEquals(families[entry["code"].asInt() / 100], error::class)
                }
            }
        }
    }

    @Test
    fun `what went wrong is told where it happens`() = runBlocking<Unit> {
        withClient { broker, client ->
            val cases = mapOf<ErrorCode, suspend () -> Unit>(
                ErrorCode.UNKNOWN_TOPIC to { client.produce("nowhere", record("lost")) },
                ErrorCode.OFFSET_OUT_OF_RANGE to {
                    client.createTopic("empty")
                    client.fetch("empty", 0, 7)
                },
                ErrorCode.INVALID_ARGUMENT to { client.consumer(mapOf("grup" to "g")) },
                ErrorCode.INVALID_TXN_STATE to {
                    client.transactionalProducer("t").use { it.transaction().use { t -> t.commit() } }
                },
                ErrorCode.TLS_FAILED to { connect(broker.address()) { tls() } },
                ErrorCode.CLOSED to { connect(broker.address()).let { it.shutdown(); it.ping() } },
            )
            for ((code, case) in cases) {
                val error = assertThrows<FlyMqException>({ "$code" }) { runBlocking { case() } }
                assertEquals(code, error.code)
            }
        }
    }

    @Test
    fun `a message says what happened and what to do`() = runBlocking<Unit> {
        val error = assertThrows<FlyMqException.Client> {
            runBlocking { connect("127.0.0.1:1") { set("connect_timeout_ms", "100") } }
        }
        assertTrue(error.message!!.startsWith("connect: cannot connect to 127.0.0.1:1"), error.message)
        assertTrue(error.message!!.endsWith("(CONNECT_FAILED 901; ${error.details.hint})"), error.message)
        withClient { broker, client ->
            val mistyped = assertThrows<FlyMqException.Client> { client.consumer(mapOf("grup" to "g")) }
            assertTrue(mistyped.message!!.contains("is it group?"), mistyped.message)
            val forgotten = connect(broker.address())
            forgotten.close()
            assertThrows<IllegalStateException> { runBlocking { forgotten.produce("t", record("x")) } }
        }
    }
}
