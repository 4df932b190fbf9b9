// Measures how fast batches are consumed through Kotlin and through Java, in turn, in one JVM, from one
// broker: Bench [RECORDS] [BYTES] [ROUNDS]. It measures, and does not judge.

import io.flymq.client.EmbeddedBroker
import io.flymq.client.FlyMQClient
import io.flymq.client.StartOffset as JavaStart
import io.flymq.client.TopicPartition
import io.flymq.kotlin.Client
import io.flymq.kotlin.Placement
import io.flymq.kotlin.StartOffset
import io.flymq.kotlin.connect
import io.flymq.kotlin.poll
import io.flymq.kotlin.use
import java.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime
import kotlinx.coroutines.runBlocking

private const val TOPIC = "bench"
private const val BATCH = 10_000

fun main(arguments: Array<String>) = runBlocking {
    val numbers = arguments.map { it.toInt() }
    val records = numbers.getOrElse(0) { 1_000_000 }
    val bytes = numbers.getOrElse(1) { 100 }
    val rounds = numbers.getOrElse(2) { 7 }
    EmbeddedBroker.builder().fsync(false).start().use { broker ->
        FlyMQClient.connect(broker.address()).use { java ->
            java.createTopic(TOPIC, 1)
            java.producer().build().use { producer ->
                repeat(records) { producer.send(TOPIC, ByteArray(bytes) { i -> (it + i).toByte() }) }
            }
            connect(broker.address()).use { kotlin ->
                // The first round warms both up.
                val rates = (0..rounds).map {
                    rate(records) { throughJava(java, records) } to rate(records) { throughKotlin(kotlin, records) }
                }.drop(1)
                val ratios = rates.map { (java, kotlin) -> kotlin / java }
                println("$records records of $bytes bytes, $rounds rounds in turn, medians:")
                println("Java    %,12.0f records/s".format(median(rates.map { it.first })))
                println("Kotlin  %,12.0f records/s".format(median(rates.map { it.second })))
                println("ratio   %12.2f (%.2f to %.2f)".format(median(ratios), ratios.min(), ratios.max()))
            }
        }
    }
}

private inline fun rate(records: Int, consume: () -> Long): Double {
    var check = 0L
    val took = measureTime { check = consume() }
    require(check != 0L) { "the values are looked at" }
    return records / (took.inWholeMicroseconds / 1e6)
}

private fun median(values: List<Double>) = values.sorted()[values.size / 2]

private fun throughJava(client: FlyMQClient, records: Int): Long {
    var check = 0L
    var seen = 0
    client.consumer().build().use { consumer ->
        consumer.assign(mapOf(TopicPartition(TOPIC, 0) to JavaStart.earliest()))
        while (seen < records) {
            for (record in consumer.poll(Duration.ofSeconds(5), BATCH)) {
                check += record.value()!![0] + record.offset()
                seen++
            }
        }
    }
    return check
}

private suspend fun throughKotlin(client: Client, records: Int): Long {
    var check = 0L
    var seen = 0
    client.consumer().use { consumer ->
        consumer.assign(listOf(Placement(TOPIC, 0u, StartOffset.Earliest)))
        while (seen < records) {
            for (message in consumer.poll(BATCH, 5.seconds)) {
                check += message.value!![0] + message.offset.toLong()
                seen++
            }
        }
    }
    return check
}
