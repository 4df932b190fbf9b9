import io.flymq.client.Consumer
import io.flymq.client.ConsumerRecord
import io.flymq.client.EmbeddedBroker
import io.flymq.client.FlyMQClient
import io.flymq.client.StartOffset
import io.flymq.client.TopicPartition
import io.flymq.client.serde.Serdes
import java.time.Duration
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.future.await
import kotlinx.coroutines.isActive
import kotlinx.coroutines.runBlocking

/** A consumer's records, as a flow. */
fun <K, V> Consumer<K, V>.records(): Flow<ConsumerRecord<K, V>> =
    flow {
        while (currentCoroutineContext().isActive) {
            poll(Duration.ofMillis(200)).forEach { emit(it) }
        }
    }.flowOn(Dispatchers.IO)

/** Sends from many coroutines, and collects what they have sent. */
fun sendAndCollect(count: Int): List<String?> = runBlocking {
    EmbeddedBroker.start().use { broker ->
        FlyMQClient.connect(broker.address()).use { client ->
            client.createTopic("clicks", 1)
            client.producer(Serdes.string(), Serdes.string()).build().use { producer ->
                (0 until count)
                    .map { async { producer.send("clicks", "user-${it % 3}", "click $it").await() } }
                    .awaitAll()
            }
            client.consumer(Serdes.string(), Serdes.string()).build().use { consumer ->
                consumer.assign(mapOf(TopicPartition("clicks", 0) to StartOffset.earliest()))
                consumer.records().take(count).toList().map { it.value() }
            }
        }
    }
}

fun main() = println(sendAndCollect(10))
