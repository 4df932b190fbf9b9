package io.flymq.kotlin

import java.io.File
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.microseconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class CoroutinesTest {
    @Test
    fun `what many coroutines send comes back as a flow`() = runBlocking<Unit> {
        withClient { _, client ->
            client.createTopic("clicks")
            client.producer(mapOf("linger_ms" to "1")).use { producer ->
                coroutineScope {
                    (0 until 200).map { async { producer.send("clicks", record("$it")) } }.awaitAll()
                }
                assertEquals(200uL + 300uL, producer.sendAll("clicks", (200 until 500).map { record("$it") }).last().offset + 1uL)
            }
            client.consumer().use { consumer ->
                consumer.assign(listOf(Placement("clicks", 0u, StartOffset.Earliest)))
                val seen = consumer.messages().take(500).toList()
                assertEquals((0 until 500).map { "$it" }.toSet(), seen.map { it.text }.toSet())
            }
        }
    }

    @Test
    fun `records that a flow did not pass on come again`() = runBlocking<Unit> {
        withClient { _, client ->
            client.createTopic("clicks")
            client.produceBatch("clicks", (0 until 10).map { record("$it") })
            val options = mapOf("group" to "g")
            client.consumer(options).use { consumer ->
                consumer.subscribe(listOf("clicks"))
                assertEquals("0", consumer.messages().first().text)
                // The record at which the collector has ended may not be processed.
                assertEquals("0", consumer.messages().first().text)
                assertEquals(listOf("0", "1", "2"), consumer.messages().take(3).toList().map { it.text })
            }
            client.consumer(options).use { consumer ->
                consumer.subscribe(listOf("clicks"))
                assertEquals("2", consumer.messages().first().text)
            }
        }
    }

    @Test
    fun `cancellation at any moment loses nothing and leaves nothing behind`() = runBlocking<Unit>(Dispatchers.Default) {
        withClient { _, client ->
            client.createTopic("numbers")
            val total = 2_000
            val feeding = launch {
                for (first in 0 until total step 20) {
                    client.produceBatch("numbers", (first until first + 20).map { record("$it") })
                }
            }
            val seen = CopyOnWriteArrayList<Int>()
            client.consumer().use { consumer ->
                consumer.assign(listOf(Placement("numbers", 0u, StartOffset.Earliest)))
                var rounds = 0
                while (seen.size < total) {
                    val polling = launch { consumer.poll(7).forEach { seen += it.text!!.toInt() } }
                    delay((rounds++ % 50 * 20).microseconds)
                    polling.cancelAndJoin()
                    // Some have to get through.
                    if (rounds % 3 == 0) consumer.poll(7).forEach { seen += it.text!!.toInt() }
                }
                feeding.join()
                assertEquals((0 until total).toList(), seen)
            }
            repeat(200) { round ->
                val sending = launch { client.produce("numbers", record("late")) }
                delay((round * 5).microseconds)
                sending.cancelAndJoin()
            }
            client.produce("numbers", record("last"))
            until("nothing is held for those that were cancelled") { client.metrics().bufferedRecords == 0uL }
            until("no continuation is left") { uniffiContinuationHandleMap.size == 0 }
        }
    }

    @Test
    fun `a cancelled transaction is aborted`() = runBlocking<Unit>(Dispatchers.Default) {
        withClient { _, client ->
            client.createTopic("debits")
            client.transactionalProducer("bank").use { bank ->
                repeat(20) { round ->
                    val transfer = launch {
                        bank.inTransaction {
                            it.send("debits", record("$round"))
                            delay(60_000)
                        }
                    }
                    delay((round * 100).microseconds)
                    transfer.cancelAndJoin()
                }
                bank.inTransaction { it.send("debits", record("kept")) }
            }
            assertEquals(listOf("kept"), client.fetch("debits", 0, 0).map { it.text })
        }
    }

    @Test
    fun `rebalances are told on the thread that polls`() = runBlocking<Unit> {
        withClient { _, client ->
            client.createTopic("orders", 4u)
            val told = CopyOnWriteArrayList<Pair<String, Thread>>()
            val listener = object : RebalanceListener {
                override fun assigned(partitions: List<TopicPartition>) {
                    told += "assigned ${partitions.size}" to Thread.currentThread()
                }
                override fun revoked(partitions: List<TopicPartition>) {
                    told += "revoked ${partitions.size}" to Thread.currentThread()
                }
                override fun lost(partitions: List<TopicPartition>) {
                    told += "lost ${partitions.size}" to Thread.currentThread()
                }
            }
            client.consumer(mapOf("group" to "g")).use { first ->
                first.onRebalance(listener)
                first.subscribe(listOf("orders"))
                until("all are assigned") { first.poll(timeout = 50_000.microseconds); first.assignment().size == 4 }
                client.consumer(mapOf("group" to "g")).use { second ->
                    second.subscribe(listOf("orders"))
                    until("they are shared") {
                        first.poll(timeout = 50_000.microseconds)
                        second.poll(timeout = 50_000.microseconds)
                        first.assignment().size == 2 && second.assignment().size == 2
                    }
                }
            }
            assertEquals(listOf("assigned 4", "revoked 2"), told.map { it.first }.take(2))
            assertTrue(told.all { it.second === Thread.currentThread() })
        }
    }

    @Test
    fun `a thousand clients, producers and consumers leave nothing behind`() = runBlocking<Unit> {
        withClient { broker, client ->
            client.createTopic("t")
            suspend fun cycle() = connect(broker.address()).use { one ->
                one.producer().use { it.send("t", record("x")) }
                one.consumer().use { it.assign(listOf(Placement("t", 0u, StartOffset.Latest))) }
            }
            repeat(200) { cycle() }
            val before = usage()
            repeat(1_000) { cycle() }
            until("the threads have ended") { usage().threads <= before.threads + 2 }
            val after = usage()
            assertTrue(after.kibibytes < before.kibibytes + 32 * 1024) { "$before, then $after" }
            assertTrue(after.files <= before.files + 2) { "$before, then $after" }
        }
    }

    private data class Usage(val kibibytes: Long, val threads: Int, val files: Int)

    private fun usage(): Usage {
        System.gc()
        val status = File("/proc/self/status").readLines().associate {
            it.substringBefore(':') to it.substringAfter(':').trim()
        }
        val number = { name: String -> status.getValue(name).substringBefore(' ').toLong() }
        return Usage(number("VmRSS"), number("Threads").toInt(), File("/proc/self/fd").list()!!.size)
    }
}
