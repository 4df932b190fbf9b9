import Foundation

/// Connects to `addresses`: `host:port`, several of them with commas between, or a `flymq://` URL; by
/// default what FLYMQ_BOOTSTRAP_SERVERS says, or `localhost:9092`. Options are set in `configure`.
public func connect(
    _ addresses: String? = nil,
    configure: (ClientBuilder) -> Void = { _ in }
) async throws -> Client {
    let builder = ClientBuilder(addresses: addresses)
    configure(builder)
    let client = try builder.build()
    try await client.connect()
    return client
}

extension Record {
    /// A record of text.
    public init(_ value: String?, key: String? = nil) {
        self.init(value: value.map { Data($0.utf8) }, key: key.map { Data($0.utf8) })
    }
}

extension Message {
    /// The value as text.
    public var text: String? { value.map { String(decoding: $0, as: UTF8.self) } }
}

extension Consumer {
    /// At most `max` records, as soon as there are any; none if there are none within `timeout` seconds.
    public func poll(max: UInt32 = 500, timeout: TimeInterval = 1) async throws -> [Message] {
        let end = Date(timeIntervalSinceNow: timeout)
        while true {
            try Task.checkCancellation()
            let messages = try take(maxRecords: max)
            if !messages.isEmpty { return messages }
            let left = Swift.max(end.timeIntervalSinceNow, 0)
            let ready = try await ready(timeoutMs: UInt64(left * 1000))
            if !ready && left == 0 { return messages }
        }
    }

    /// The consumer's records, without an end. A record counts as processed, as far as auto-commit is
    /// concerned, once the next one is asked for.
    public func messages() -> AsyncThrowingStream<Message, Error> {
        AsyncThrowingStream {
            while !Task.isCancelled {
                // One at a time: what a loop that ends has not been given is not taken.
                if let message = try await self.poll(max: 1).first { return message }
            }
            return nil
        }
    }
}

extension Client {
    /// Records of one partition from `offset` on; empty at the end of the log, once `wait` seconds are over.
    public func fetch(
        topic: String,
        partition: UInt32,
        offset: UInt64,
        maxRecords: UInt32 = 10_000,
        wait: TimeInterval = 0
    ) async throws -> [Message] {
        let options = FetchOptions(maxRecords: maxRecords, maxWaitMs: UInt64(wait * 1000))
        let fetch = fetching(topic: topic, partition: partition, offset: offset, options: options)
        try await fetch.ready()
        return fetch.take()
    }
}

extension TransactionalProducer {
    /// Begins a transaction, runs `body` and commits; if `body` fails, it is aborted.
    public func inTransaction<R>(_ body: (Transaction) async throws -> R) async throws -> R {
        let transaction = self.transaction()
        try await transaction.begin()
        do {
            let result = try await body(transaction)
            try await transaction.commit()
            return result
        } catch {
            try? await transaction.abort()
            throw error
        }
    }
}
