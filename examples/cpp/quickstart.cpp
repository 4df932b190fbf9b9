// C++: produce with callbacks, consume in a group, and a transaction, with a broker inside the program.
#include <flymq.hpp>

#include <atomic>
#include <iostream>

int main() {
    flymq::Broker broker;
    flymq::Client client(broker.address());
    client.create_topic("greetings", 3);

    std::atomic<int> stored = 0;
    {
        flymq::Producer producer(client, {{"linger_ms", "1"}});
        for (int i = 0; i < 100; i++) {
            producer.send("greetings", flymq::Record("key-" + std::to_string(i), "hello"),
                          [&](const flymq::Delivery &delivery) { stored += delivery.stored ? 1 : 0; });
        }
    } // Gone, it has sent everything, and told of it.

    flymq::Consumer consumer(client, {{"group", "readers"}, {"auto_commit_interval_ms", "0"}});
    consumer.subscribe({"greetings"});
    int read = 0;
    while (read < 100) {
        for (flymq::Message message : consumer.poll(500, std::chrono::seconds(10))) {
            read += message.value() == "hello" ? 1 : 0;
        }
    }

    client.create_topic("answers");
    flymq::Transaction transaction = client.transaction();
    transaction.send("answers", flymq::Record("read " + std::to_string(read)).header("from", "C++"));
    transaction.send_offsets(consumer);
    transaction.commit();
    flymq::Batch answers = client.consume("answers", 0, 0);
    std::cout << "stored " << stored << ", " << answers[0].value().value_or("") << ", from "
              << answers[0].headers()[0].second.value_or("") << "\n";
    consumer.close();

    flymq::Table cluster = client.cluster_status();
    std::cout << "engine " << cluster.text(0, "engine").value_or("") << ", "
              << client.brokers().size() << " broker\n";

    try {
        client.produce("nowhere", flymq::Record("x"));
    } catch (const flymq::Error &error) {
        std::cout << error.name() << ": " << error.what() << "\n";
    }
}
