package io.flymq.kotlin

/** A record of text, with headers of text. */
fun record(value: String?, key: String? = null, vararg headers: Pair<String, String>): Record =
    Record(
        value = value?.encodeToByteArray(),
        key = key?.encodeToByteArray(),
        headers = headers.map { (name, text) -> Header(name, text.encodeToByteArray()) },
    )

/** The value as text. */
val Message.text: String? get() = value?.decodeToString()

/** What the error tells. */
val FlyMqException.details: ErrorDetails
    get() = when (this) {
        is FlyMqException.Protocol -> details
        is FlyMqException.Session -> details
        is FlyMqException.Topic -> details
        is FlyMqException.Log -> details
        is FlyMqException.Group -> details
        is FlyMqException.Transaction -> details
        is FlyMqException.Broker -> details
        is FlyMqException.Client -> details
    }

/** The entry in the table of error codes; none for a number that this version does not know. */
val FlyMqException.code: ErrorCode? get() = details.code
