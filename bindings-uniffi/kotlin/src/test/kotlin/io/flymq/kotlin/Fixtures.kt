package io.flymq.kotlin

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import java.nio.file.Path
import kotlin.io.path.readText
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource
import kotlinx.coroutines.yield

val ROOT: Path = Path.of(System.getProperty("flymq.root")).toAbsolutePath().normalize()

/** Long enough for whatever happens at all. */
val LONG = 60.seconds

fun conformance(file: String): JsonNode =
    ObjectMapper().readTree(ROOT.resolve("conformance").resolve(file).readText())

fun JsonNode.strings(): List<String> = map { it.asText() }

/** Runs a block with a broker and a client of it. */
suspend fun <R> withClient(block: suspend (EmbeddedBroker, Client) -> R): R =
    EmbeddedBroker(fsync = false).use { broker ->
        connect(broker.address()).use { client -> block(broker, client) }
    }

/** Tries again until it is so. */
suspend fun until(what: String, reached: suspend () -> Boolean) {
    val end = TimeSource.Monotonic.markNow() + LONG
    while (!reached()) {
        check(end.hasNotPassedNow()) { "waited too long until $what" }
        yield()
    }
}

/** The helper of the tests, while `block` runs; it is given the first line that the helper prints. */
suspend fun <R> peer(vararg arguments: String, block: suspend (String?) -> R): R {
    val program = ROOT.resolve("bindings-uniffi/tests/peer.py").toString()
    val process = ProcessBuilder(System.getProperty("flymq.python"), program, *arguments)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start()
    try {
        val line = process.inputReader().readLine()
        if (line == null) check(process.waitFor() == 0) { "the helper has failed" }
        return block(line)
    } finally {
        process.outputStream.close()
        process.waitFor()
    }
}
