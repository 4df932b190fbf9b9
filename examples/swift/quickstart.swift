import FlyMQ

/// Stores a record in a broker of its own, and reads it back.
@main
struct Quickstart {
    static func main() async throws {
        let broker = try EmbeddedBroker()
        try await broker.start()
        let client = try await connect(try broker.address())
        _ = try await client.createTopic(name: "greetings")
        _ = try await client.produce(topic: "greetings", record: Record("hello, world", key: "en"))
        let consumer = try client.consumer()
        try await consumer.assign(partitions: [
            Placement(topic: "greetings", partition: 0, start: .earliest)
        ])
        for try await message in consumer.messages() {
            print(message.text ?? "")
            break
        }
        try await consumer.close()
        try await client.close()
        try await broker.close()
    }
}
