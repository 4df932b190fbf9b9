import XCTest

import FlyMQ

final class ClientTests: XCTestCase {
    private func withClient(_ body: (Client) async throws -> Void) async throws {
        let broker = try EmbeddedBroker(fsync: false)
        try await broker.start()
        let client = try await connect(try broker.address())
        try await body(client)
        try await client.close()
        try await broker.close()
    }

    func testWhatIsProducedIsConsumed() async throws {
        try await withClient { client in
            _ = try await client.createTopic(name: "greetings")
            _ = try await client.produce(topic: "greetings", record: Record("hello", key: "en"))
            let consumer = try client.consumer()
            try await consumer.assign(partitions: [
                Placement(topic: "greetings", partition: 0, start: .earliest)
            ])
            for try await message in consumer.messages() {
                XCTAssertEqual(message.text, "hello")
                break
            }
            try await consumer.close()
        }
    }

    func testTransactionsAreAllOrNothing() async throws {
        try await withClient { client in
            _ = try await client.createTopic(name: "debits")
            let bank = try client.transactionalProducer(transactionalId: "bank")
            struct Refused: Error {}
            do {
                try await bank.inTransaction { transaction in
                    _ = try await transaction.send(topic: "debits", record: Record("1"))
                    throw Refused()
                }
            } catch is Refused {}
            try await bank.inTransaction { transaction in
                _ = try await transaction.send(topic: "debits", record: Record("2"))
            }
            let seen = try await client.fetch(topic: "debits", partition: 0, offset: 0)
            XCTAssertEqual(seen.map(\.text), ["2"])
        }
    }

    func testErrorsArriveWithTheirCode() async throws {
        try await withClient { client in
            do {
                _ = try await client.produce(topic: "nowhere", record: Record("lost"))
                XCTFail("there is no such topic")
            } catch FlyMqError.Topic(let details) {
                XCTAssertEqual(details.code, .unknownTopic)
            }
        }
    }
}
