package io.flymq.kotlin

import com.fasterxml.jackson.databind.JsonNode
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class SecurityTest {
    private fun bytes(text: JsonNode): ByteArray? =
        if (text.isNull) null else java.util.HexFormat.of().parseHex(text.asText())

    /** Those that can be in a topic: some have names that no broker takes. */
    @Test
    fun `sealed records open, and others do not`() = runBlocking<Unit> {
        val document = conformance("encryption/sealed.json")
        EmbeddedBroker(fsync = false).use { broker ->
            peer("seal", broker.address()) {}
            var opened = 0
            val next = mutableMapOf<String, Long>()
            for (vector in document["vectors"] + document["refused"]) {
                val topic = vector["topic"].asText()
                if (!topic.matches(Regex("[a-zA-Z0-9._-]+"))) continue
                val key = if (vector.has("record")) vector else document["refused_with"]
                val keyring = Keyring.withKey(key["key_id"].asText(), bytes(key["key"])!!)
                val offset = next.merge(topic, 1) { a, b -> a + b }!! - 1
                connect(broker.address()) { encryption(keyring) }.use { client ->
                    val read = suspend { client.consume(topic, 0u, offset.toULong())!! }
                    if (vector.has("record")) {
                        val (message, record) = read() to vector["record"]
                        assertArrayEquals(bytes(record["key"]), message.key)
                        assertArrayEquals(bytes(record["value"]), message.value)
                        val headers = record["headers"].map { it[0].asText() to bytes(it[1])?.toList() }
                        assertEquals(headers, message.headers.map { it.name to it.value?.toList() })
                    } else {
                        val error = assertThrows<FlyMqException>({ "$vector" }) { runBlocking { read() } }
                        assertEquals(vector["error"].asText(), error.details.name)
                    }
                }
                opened++
            }
            assertTrue(opened > 10) { "vectors with a topic that a broker takes: $opened" }
        }
    }

    @Test
    fun `what is encrypted is read with the key only`() = runBlocking<Unit> {
        withClient { broker, plain ->
            plain.createTopic("secrets")
            connect(broker.address()) { encryption(Keyring("k1:${generateKey()}")) }.use { client ->
                client.produce("secrets", record("the vault", "door"))
                assertEquals("the vault", client.consume("secrets", 0u, 0u)?.text)
            }
            val error = assertThrows<FlyMqException> { runBlocking { plain.consume("secrets", 0u, 0u) } }
            assertEquals(ErrorCode.UNKNOWN_ENCRYPTION_KEY, error.code)
        }
    }

    @Test
    fun `users log in, and no password is shown`() = runBlocking<Unit> {
        val broker = EmbeddedBroker(fsync = false)
        broker.users(mapOf("ada" to "lovelace"))
        broker.use {
            connect(broker.address()) { credentials("ada", "lovelace") }.use { client ->
                assertEquals("ada", client.whoami().principal)
                assertTrue(client.upsertUser("bob", password = "builder", roles = listOf()))
                assertEquals(listOf("ada", "bob"), client.listUsers().map { it.name })
            }
            val error = assertThrows<FlyMqException> {
                runBlocking { connect(broker.address()) { credentials("ada", "hunter2") } }
            }
            assertEquals(ErrorCode.AUTH_FAILED, error.code)
            assertTrue(!error.toString().contains("hunter2"))
        }
    }
}
