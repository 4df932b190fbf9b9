package io.flymq.kotlin

import com.fasterxml.jackson.databind.JsonNode
import java.nio.file.Path
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.Arguments
import org.junit.jupiter.params.provider.MethodSource

/** The scenarios of `conformance/groups` and `conformance/transactions`. */
class ScenariosTest {
    @ParameterizedTest(name = "{0}")
    @MethodSource("scenarios")
    fun scenario(name: String, scenario: JsonNode, @TempDir data: Path) = runBlocking<Unit> {
        val run = Run(data.toString())
        try {
            run.begin(scenario)
            for (step in scenario["steps"]) {
                val error = step["error"]?.asText()
                if (error == null) {
                    run.perform(step)
                } else {
                    val failure = assertThrows<FlyMqException>({ "$step" }) { runBlocking { run.perform(step) } }
                    assertEquals(error, failure.details.name) { "$step" }
                }
            }
        } finally {
            run.end()
        }
    }

    companion object {
        @JvmStatic
        fun scenarios(): List<Arguments> = listOf("groups", "transactions")
            .flatMap { conformance("$it/scenarios.json") }
            .filter { it.path("engine").asText("embedded") == "embedded" }
            .map { Arguments.of(it["name"].asText(), it) }
    }
}

private val MOMENT = 50.milliseconds

private class Run(private val data: String) {
    private var broker = EmbeddedBroker(data)
    private lateinit var client: Client
    private val consumers = mutableMapOf<String, Consumer>()
    private val producers = mutableMapOf<String, TransactionalProducer>()
    private val transactions = mutableMapOf<String, Transaction>()

    suspend fun begin(scenario: JsonNode) {
        broker.start()
        client = connect(broker.address())
        for ((topic, partitions) in scenario["topics"].properties()) {
            client.createTopic(topic, partitions.asInt().toUInt())
        }
    }

    suspend fun end() {
        consumers.values.forEach { it.abandon() }
        producers.values.forEach { it.shutdown() }
        client.shutdown()
        broker.shutdown()
        (transactions.values + consumers.values + producers.values + listOf(client, broker)).forEach {
            (it as AutoCloseable).close()
        }
    }

    suspend fun perform(step: JsonNode) {
        val topic = step.path("topic").asText()
        val partition = step.path("partition").asInt().toUInt()
        val consumer = step["consumer"]?.asText()
        val producer = step.path("producer").asText()
        when (step["do"].asText()) {
            "produce" -> step["values"].strings().forEach {
                client.produce(topic, record(it).copy(partition = partition))
            }
            "read" -> {
                val isolation = Isolation.valueOf(step["isolation"].asText().uppercase())
                assertEquals(step["values"].strings(), read(topic, partition, isolation))
            }
            "create_topic" -> client.createTopic(topic, step["partitions"].asInt().toUInt())
            "add_partitions" -> client.addPartitions(topic, step["partitions"].asInt().toUInt())
            "restart_broker" -> restart()
            "join" -> join(step)
            "assigned" -> assigned(step["consumers"])
            "shared" -> shared(step)
            "poll" -> poll(step)
            "position" -> until("the position is reached") {
                consumers.getValue(consumer!!).let {
                    it.poll(timeout = MOMENT)
                    it.position(topic, partition) == step["offset"].asLong().toULong()
                }
            }
            "seek" -> consumers.getValue(consumer!!)
                .seek(topic, partition, StartOffset.At(step["offset"].asLong().toULong()))
            "commit" -> when (consumer) {
                null -> transactions.getValue(producer).commit()
                else -> consumers.getValue(consumer).commit()
            }
            "rewind" -> consumers.getValue(consumer!!).rewind()
            "committed" -> {
                val found = client.groupOffsets(step["group"].asText())
                assertEquals(offsets(step["offsets"]), found.associate { (it.topic to it.partition) to it.offset })
            }
            "reset" -> {
                val to = if (step["to"].asText() == "latest") StartOffset.Latest else StartOffset.Earliest
                client.resetGroupOffsets(step["group"].asText(), topic, to)
            }
            "delete_group" -> client.deleteGroup(step["group"].asText())
            "open" -> {
                val opened = client.transactionalProducer(step["transactional_id"].asText())
                producers[producer] = opened
                opened.open()
            }
            "begin" -> {
                val transaction = producers.getValue(producer).transaction()
                transaction.begin()
                transactions[producer] = transaction
            }
            "abort" -> transactions.getValue(producer).abort()
            "send" -> step["values"].strings().forEach {
                transactions.getValue(producer).send(topic, record(it).copy(partition = partition))
            }
            "send_offsets" ->
                transactions.getValue(producer).sendProcessed(consumers.getValue(consumer!!))
            "close" -> when (consumer) {
                null -> producers.remove(producer)!!.let { it.shutdown(); it.close() }
                else -> consumers.remove(consumer)!!.let { it.shutdown(); it.close() }
            }
            else -> error("unknown step $step")
        }
    }

    private suspend fun restart() {
        val port = broker.address().substringAfterLast(':').toUShort()
        broker.shutdown()
        broker.close()
        broker = EmbeddedBroker(data, port)
        broker.start()
    }

    private suspend fun read(topic: String, partition: UInt, isolation: Isolation): List<String?> {
        val values = mutableListOf<String?>()
        var next = 0L
        while (true) {
            val messages = client.fetch(topic, partition.toInt(), next, isolation = isolation)
            if (messages.isEmpty()) return values
            values += messages.map { it.text }
            next = messages.last().offset.toLong() + 1
        }
    }

    private suspend fun join(step: JsonNode) {
        val options = mutableMapOf("group" to step["group"].asText())
        if (!step.path("auto_commit").asBoolean()) options["auto_commit_interval_ms"] = "0"
        for (name in listOf("auto_offset_reset", "assignor", "instance_id")) {
            step[name]?.let { options[name] = it.asText() }
        }
        val consumer = client.consumer(options)
        consumers[step["consumer"].asText()] = consumer
        when (val pattern = step["pattern"]) {
            null -> consumer.subscribe(step["topics"].strings())
            else -> consumer.subscribePattern(pattern.asText())
        }
    }

    /** What a consumer holds, after a poll that returned nothing: records would be lost to the scenario. */
    private suspend fun held(name: String): Set<Pair<String, UInt>> {
        val consumer = consumers.getValue(name)
        assertEquals(0, consumer.poll(timeout = MOMENT).size)
        return consumer.assignment().map { it.topic to it.partition }.toSet()
    }

    private suspend fun assigned(wanted: JsonNode) {
        val expected = wanted.properties().associate { (name, topics) ->
            name to topics.properties().flatMap { (t, ps) -> ps.map { t to it.asInt().toUInt() } }.toSet()
        }
        until("partitions are assigned as in $expected") {
            expected.keys.associateWith { held(it) } == expected
        }
    }

    private suspend fun shared(step: JsonNode) {
        val each = step["each"].map { it.asInt() }
        until("the partitions are shared") {
            val held = step["consumers"].strings().map { name ->
                held(name).filter { it.first == step["topic"].asText() }
            }
            held.flatten().toSet().size == step["partitions"].asInt() && held.map { it.size }.sorted() == each
        }
    }

    private suspend fun poll(step: JsonNode) {
        val consumer = consumers.getValue(step["consumer"].asText())
        if (step.has("error")) {
            until("polling fails") { consumer.poll(timeout = MOMENT); false }
        }
        val wanted = step["values"].strings()
        val values = mutableListOf<String?>()
        while (values.size < wanted.size) {
            values += consumer.poll(step.path("max_records").asInt(500), LONG).map { it.text }
        }
        assertEquals(wanted, values.sortedBy { it })
    }

    private fun offsets(topics: JsonNode) = topics.properties().flatMap { (topic, offsets) ->
        offsets.properties().map { (partition, offset) -> (topic to partition.toUInt()) to offset.asLong() }
    }.toMap()
}
