// What flymq.hpp has that the example does not show: a pool, many records at once, a source of keys.
#include <flymq.hpp>

#include <cstdlib>
#include <iostream>
#include <stdexcept>

#define CHECK(condition)                                                                         \
    if (!(condition)) {                                                                          \
        std::cerr << __LINE__ << ": " << #condition << "\n";                                     \
        std::abort();                                                                            \
    }

template <typename Call> static std::int32_t code(Call call) {
    try {
        call();
        return FLYMQ_OK;
    } catch (const flymq::Error &error) {
        return error.code();
    }
}

static void pool(const flymq::Broker &broker) {
    flymq::Pool pool(broker.address(), 1);
    {
        flymq::Client client = pool.borrow();
        client.produce("t", flymq::Record("x"));
        CHECK(pool.borrowed() == 1);
        CHECK(code([&] { pool.borrow(flymq::milliseconds(1)); }) == FLYMQ_ERROR_TIMEOUT);
    }
    CHECK(pool.borrowed() == 0);
    pool.close();
    CHECK(code([&] { pool.borrow(); }) == FLYMQ_ERROR_CLOSED);
}

static void many_at_once(flymq::Client &client) {
    std::vector<flymq::Record> records;
    for (int i = 0; i < 10; i++) {
        records.emplace_back(std::to_string(i));
    }
    std::vector<flymq::Stored> stored = client.produce_batch("t", records);
    CHECK(stored.size() == 10);
    flymq::Batch last = client.consume("t", stored[9].partition, stored[9].offset);
    CHECK(last[0].value() == "9");
    CHECK(client.produce_batch("t", {}).empty());
}

static void source_of_keys(const flymq::Broker &broker) {
    int mood = 0;
    auto lives = std::make_shared<int>();
    flymq::Config config(FLYMQ_CONFIG_CLIENT, {});
    config.key_source([&mood, lives](auto wanted) -> std::optional<flymq::Key> {
        switch (mood) {
        case 1:
            return std::nullopt;
        case 2:
            throw std::runtime_error("the vault does not answer");
        default:
            std::array<std::uint8_t, FLYMQ_KEY_BYTES> bytes;
            bytes.fill(7);
            CHECK(!wanted || *wanted == "seven");
            return flymq::Key("seven", bytes);
        }
    });
    {
        flymq::Client client(broker.address(), config);
        config = flymq::Config(FLYMQ_CONFIG_CLIENT, {});
        flymq::Stored stored = client.produce("t", flymq::Record("secret"));
        CHECK(client.consume("t", stored.partition, stored.offset)[0].value() == "secret");
        mood = 1;
        CHECK(code([&] { client.produce("t", flymq::Record("x")); }) ==
              FLYMQ_ERROR_UNKNOWN_ENCRYPTION_KEY);
        mood = 2;
        CHECK(code([&] { client.produce("t", flymq::Record("x")); }) == FLYMQ_ERROR_INTERNAL);
        CHECK(lives.use_count() == 2);
    }
    CHECK(lives.use_count() == 1); // It was freed with the client.
}

int main() {
    flymq::Broker broker;
    flymq::Client client(broker.address());
    client.create_topic("t", 3);
    pool(broker);
    many_at_once(client);
    source_of_keys(broker);
    return 0;
}
