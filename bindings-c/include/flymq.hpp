/**
 * @file flymq.hpp
 * The C++ face of flymq.h: owners that free themselves, exceptions in place of codes, views in place of
 * pointers with lengths. C++17, header only, and nothing else: whatever it lacks, flymq.h has, and get()
 * gives the pointer for it.
 */

#ifndef FLYMQ_HPP
#define FLYMQ_HPP

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flymq.h"

namespace flymq {

/** What went wrong: flymq_error. */
class Error : public std::exception {
public:
    /** Takes the error over. */
    explicit Error(flymq_error *error) : error_(error, flymq_error_free) {}

    /** What happened, for a person. */
    const char *what() const noexcept override { return flymq_error_message(error_.get()); }
    /** The code: a flymq_code, or one that this version does not know. */
    std::int32_t code() const noexcept { return flymq_error_code(error_.get()); }
    /** The code's name, such as "UNKNOWN_TOPIC". */
    std::string_view name() const noexcept { return flymq_error_name(error_.get()); }
    /** What to do next. */
    std::string_view hint() const noexcept { return flymq_error_hint(error_.get()); }
    /** Whether the same call may succeed if it is made again. */
    bool is_retriable() const noexcept { return flymq_error_is_retriable(error_.get()); }
    /** Whether what the call was made on can do nothing more. */
    bool is_fatal() const noexcept { return flymq_error_is_fatal(error_.get()); }
    /** Whether the transaction is to be aborted. */
    bool txn_requires_abort() const noexcept { return flymq_error_txn_requires_abort(error_.get()); }
    /** Whether the transaction may succeed if it is run again. */
    bool txn_is_repeatable() const noexcept { return flymq_error_txn_is_repeatable(error_.get()); }

private:
    std::shared_ptr<flymq_error> error_;
};

namespace detail {

template <typename Call> void check(Call call) {
    flymq_error *error = nullptr;
    if (call(&error) != FLYMQ_OK) {
        throw Error(error);
    }
}

template <typename T, typename Call> T *make(Call call) {
    T *made = nullptr;
    check([&](flymq_error **error) { return call(&made, error); });
    return made;
}

template <typename T, void (*Free)(T *)> struct Freeing {
    void operator()(T *owned) const noexcept { Free(owned); }
};

/** Owns something of the library. */
template <typename T, void (*Free)(T *)> class Owner {
public:
    explicit Owner(T *owned = nullptr) noexcept : owned_(owned) {}
    /** For calls of flymq.h. */
    T *get() const noexcept { return owned_.get(); }
    explicit operator bool() const noexcept { return owned_ != nullptr; }

private:
    std::unique_ptr<T, Freeing<T, Free>> owned_;
};

inline std::int64_t millis(std::chrono::milliseconds time) { return time.count(); }

inline std::string_view view(const void *data, std::size_t len) {
    return {static_cast<const char *>(data), len};
}

} // namespace detail

using std::chrono::milliseconds;

/** How long closing waits unless told otherwise. */
inline constexpr milliseconds patience{30000};

/** A key for records. Its memory is wiped when it goes. */
struct Key {
    /** What records call it; empty for a name that follows from the key. */
    std::string id;
    std::array<std::uint8_t, FLYMQ_KEY_BYTES> bytes{};

    Key(std::string id, const std::array<std::uint8_t, FLYMQ_KEY_BYTES> &bytes)
        : id(std::move(id)), bytes(bytes) {}
    Key(const Key &) = default;
    Key &operator=(const Key &) = default;
    ~Key() {
        for (volatile std::uint8_t &byte : bytes) {
            byte = 0;
        }
    }
};

/**
 * Gives the key of an id, or, without one, the key to encrypt with; nothing if there is no such key. See
 * flymq_key_fn. What it throws fails the call that sends or reads: an Error with its code, anything else
 * with FLYMQ_ERROR_INTERNAL.
 */
using KeySource = std::function<std::optional<Key>(std::optional<std::string_view> wanted)>;

/** Options by their names. */
class Config : public detail::Owner<flymq_config, flymq_config_free> {
public:
    using Options = std::initializer_list<std::pair<const char *, std::string>>;

    Config(std::int32_t kind, Options options)
        : Owner(detail::make<flymq_config>(
              [&](auto out, auto error) { return flymq_config_new(kind, out, error); })) {
        for (const auto &[name, value] : options) {
            set(name, value);
        }
    }
    void set(const std::string &name, const std::string &value) {
        detail::check([&](auto error) {
            return flymq_config_set(get(), name.c_str(), value.c_str(), error);
        });
    }
    /** Has clients ask a function for their keys. */
    void key_source(KeySource source) {
        auto owned = std::make_unique<KeySource>(std::move(source));
        detail::check([&](auto error) {
            return flymq_config_set_key_source(get(), give_key, owned.get(), forget, error);
        });
        // The library frees it.
        static_cast<void>(owned.release());
    }

private:
    static std::int32_t give_key(void *context, const char *wanted, char *id,
                                 std::uint8_t *key) noexcept {
        try {
            auto name = wanted ? std::optional<std::string_view>(wanted) : std::nullopt;
            std::optional<Key> found = (*static_cast<KeySource *>(context))(name);
            if (!found) {
                return FLYMQ_ERROR_UNKNOWN_ENCRYPTION_KEY;
            }
            if (found->id.size() >= FLYMQ_KEY_ID_SIZE) {
                return FLYMQ_ERROR_INVALID_ARGUMENT;
            }
            std::memcpy(id, found->id.c_str(), found->id.size() + 1);
            std::memcpy(key, found->bytes.data(), found->bytes.size());
            return FLYMQ_OK;
        } catch (const Error &error) {
            return error.code();
        } catch (...) {
            return FLYMQ_ERROR_INTERNAL;
        }
    }
    static void forget(void *context) noexcept { delete static_cast<KeySource *>(context); }
};

/** A broker inside the process. */
class Broker : public detail::Owner<flymq_broker, flymq_broker_free> {
public:
    explicit Broker(Config::Options options = {})
        : Owner(detail::make<flymq_broker>([&](auto out, auto error) {
              return flymq_broker_start(Config(FLYMQ_CONFIG_BROKER, options).get(), out, error);
          })) {}
    std::string address() const { return flymq_broker_address(get()); }
    void close(milliseconds timeout = patience) {
        detail::check([&](auto e) { return flymq_broker_close(get(), detail::millis(timeout), e); });
    }
};

/** A record to produce. */
class Record : public detail::Owner<flymq_record, flymq_record_free> {
public:
    /** Without a value it marks its key as deleted. */
    Record(std::optional<std::string_view> key, std::optional<std::string_view> value)
        : Owner(detail::make<flymq_record>([&](auto out, auto error) {
              return flymq_record_new(key ? key->data() : nullptr, key ? key->size() : 0,
                                      value ? value->data() : nullptr, value ? value->size() : 0,
                                      out, error);
          })) {}
    explicit Record(std::string_view value) : Record(std::nullopt, value) {}
    Record &&header(const std::string &name, std::string_view value) && {
        detail::check([&](auto error) {
            return flymq_record_add_header(get(), name.c_str(), value.data(), value.size(), error);
        });
        return std::move(*this);
    }
    Record &&partition(std::uint32_t partition) && {
        detail::check([&](auto e) { return flymq_record_set_partition(get(), partition, e); });
        return std::move(*this);
    }
    Record &&timestamp(std::int64_t timestamp) && {
        detail::check([&](auto e) { return flymq_record_set_timestamp(get(), timestamp, e); });
        return std::move(*this);
    }
};

/** Where a record was stored. */
struct Stored {
    std::uint32_t partition;
    std::uint64_t offset;
};

/** A record that was read; a view that lives as long as its batch. */
class Message {
public:
    explicit Message(const flymq_message *message) noexcept : message_(message) {}
    const flymq_message *get() const noexcept { return message_; }
    std::string_view topic() const { return flymq_message_topic(message_); }
    std::uint32_t partition() const { return flymq_message_partition(message_); }
    std::uint64_t offset() const { return flymq_message_offset(message_); }
    std::int64_t timestamp() const { return flymq_message_timestamp(message_); }
    std::optional<std::string_view> key() const { return bytes(flymq_message_key); }
    std::optional<std::string_view> value() const { return bytes(flymq_message_value); }
    /** Names and values in their order. */
    std::vector<std::pair<std::string_view, std::optional<std::string_view>>> headers() const {
        std::vector<std::pair<std::string_view, std::optional<std::string_view>>> found;
        for (std::size_t i = 0; i < flymq_message_header_count(message_); i++) {
            const char *name = nullptr;
            const void *value = nullptr;
            std::size_t name_len = 0, len = 0;
            detail::check([&](auto error) {
                return flymq_message_header(message_, i, &name, &name_len, &value, &len, error);
            });
            std::optional<std::string_view> there;
            if (value != nullptr) {
                there = detail::view(value, len);
            }
            found.emplace_back(detail::view(name, name_len), there);
        }
        return found;
    }

private:
    template <typename Get> std::optional<std::string_view> bytes(Get get) const {
        std::size_t len = 0;
        const void *data = get(message_, &len);
        return data == nullptr ? std::nullopt : std::optional(detail::view(data, len));
    }
    const flymq_message *message_;
};

/** Records that were read: for (Message message : batch). */
class Batch : public detail::Owner<flymq_batch, flymq_batch_free> {
public:
    using Owner::Owner;
    class iterator {
    public:
        iterator(const flymq_batch *batch, std::size_t at) : batch_(batch), at_(at) {}
        Message operator*() const { return Message(flymq_batch_message(batch_, at_)); }
        iterator &operator++() {
            at_++;
            return *this;
        }
        bool operator!=(const iterator &other) const { return at_ != other.at_; }

    private:
        const flymq_batch *batch_;
        std::size_t at_;
    };
    std::size_t size() const { return flymq_batch_count(get()); }
    bool empty() const { return size() == 0; }
    Message operator[](std::size_t index) const { return Message(flymq_batch_message(get(), index)); }
    iterator begin() const { return {get(), 0}; }
    iterator end() const { return {get(), size()}; }
};

/** An answer with rows; the columns are those that flymq.h names. Texts live as long as it does. */
class Table : public detail::Owner<flymq_table, flymq_table_free> {
public:
    explicit Table(flymq_table *table) : Owner(table) {}
    std::size_t size() const { return flymq_table_rows(get()); }
    bool empty() const { return size() == 0; }
    /** What a column of strings holds; nothing for a value that is not there. */
    std::optional<std::string_view> text(std::size_t row, const std::string &column) const {
        const char *found = flymq_table_text(get(), row, column.c_str());
        return found == nullptr ? std::nullopt : std::optional<std::string_view>(found);
    }
    /** What a column of numbers holds. */
    std::int64_t number(std::size_t row, const std::string &column) const {
        std::int64_t found = 0;
        detail::check([&](auto error) {
            return flymq_table_number(get(), row, column.c_str(), &found, error);
        });
        return found;
    }
};

class Consumer;

/** An open transaction, aborted unless commit() succeeds before it goes. */
class Transaction : public detail::Owner<flymq_transaction, flymq_transaction_free> {
public:
    using Owner::Owner;
    void send(const std::string &topic, const Record &record) {
        detail::check([&](auto error) {
            return flymq_transaction_send_record(get(), topic.c_str(), record.get(), error);
        });
    }
    inline void send_offsets(const Consumer &consumer);
    void commit() {
        detail::check([&](auto error) { return flymq_transaction_commit(get(), error); });
    }
    void abort() {
        detail::check([&](auto error) { return flymq_transaction_abort(get(), error); });
    }
};

/** Topics, single records, and whatever else is asked of brokers. */
class Client : public detail::Owner<flymq_client, flymq_client_free> {
public:
    explicit Client(const std::string &addresses, Config::Options options = {})
        : Client(addresses, Config(FLYMQ_CONFIG_CLIENT, options)) {}
    Client(const std::string &addresses, const Config &config)
        : Owner(detail::make<flymq_client>([&](auto out, auto error) {
              return flymq_client_connect(addresses.c_str(), config.get(), out, error);
          })) {}
    /** Takes a client over. */
    explicit Client(flymq_client *owned) noexcept : Owner(owned) {}
    /** Returns whether the topic is new; a topic that is there is no error. */
    bool create_topic(const std::string &topic, std::uint32_t partitions = 1) {
        bool created = false;
        detail::check([&](auto error) {
            return flymq_client_create_topic_with(get(), topic.c_str(), partitions, 0, nullptr,
                                                  nullptr, 0, true, &created, error);
        });
        return created;
    }
    Stored produce(const std::string &topic, const Record &record) {
        Stored stored{};
        detail::check([&](auto error) {
            return flymq_client_produce_record(get(), topic.c_str(), record.get(), &stored.partition,
                                               &stored.offset, error);
        });
        return stored;
    }
    /** Sends many records at once; where each is, in their order. */
    std::vector<Stored> produce_batch(const std::string &topic, const std::vector<Record> &records) {
        std::vector<const flymq_record *> pointers;
        pointers.reserve(records.size() + 1); // so that there is a pointer to no records too
        for (const Record &record : records) {
            pointers.push_back(record.get());
        }
        detail::Owner<flymq_table, flymq_table_free> table(
            detail::make<flymq_table>([&](auto out, auto error) {
                return flymq_client_produce_batch(get(), topic.c_str(), pointers.data(),
                                                  pointers.size(), out, error);
            }));
        std::vector<Stored> stored(flymq_table_rows(table.get()));
        for (std::size_t row = 0; row < stored.size(); row++) {
            std::int64_t partition = 0, offset = 0;
            detail::check([&](auto error) {
                return flymq_table_number(table.get(), row, "partition", &partition, error);
            });
            detail::check([&](auto error) {
                return flymq_table_number(table.get(), row, "offset", &offset, error);
            });
            stored[row] = {static_cast<std::uint32_t>(partition), static_cast<std::uint64_t>(offset)};
        }
        return stored;
    }
    /** The record at or after the offset; empty at the end of the log. */
    Batch consume(const std::string &topic, std::uint32_t partition, std::uint64_t offset) {
        return Batch(detail::make<flymq_batch>([&](auto out, auto error) {
            return flymq_client_consume(get(), topic.c_str(), partition, offset, out, error);
        }));
    }
    /** The brokers that are alive: flymq_client_brokers(). */
    Table brokers() const { return ask(flymq_client_brokers); }
    /** How the cluster is: flymq_client_cluster_status(). */
    Table cluster_status() const { return ask(flymq_client_cluster_status); }
    /** The engine's own nodes: flymq_client_cluster_nodes(). */
    Table cluster_nodes() const { return ask(flymq_client_cluster_nodes); }
    /** Partitions that lack copies or a leader: flymq_client_cluster_troubled(). */
    Table cluster_troubled() const { return ask(flymq_client_cluster_troubled); }
    Transaction transaction() {
        return Transaction(detail::make<flymq_transaction>(
            [&](auto out, auto error) { return flymq_client_begin(get(), out, error); }));
    }
    void close(milliseconds timeout = patience) {
        detail::check([&](auto e) { return flymq_client_close(get(), detail::millis(timeout), e); });
    }

private:
    Table ask(std::int32_t (*call)(const flymq_client *, flymq_table **, flymq_error **)) const {
        return Table(detail::make<flymq_table>(
            [&](auto out, auto error) { return call(get(), out, error); }));
    }
};

/** Up to so many clients to be borrowed: borrow() waits for one, which goes back when its owner goes. */
class Pool : public detail::Owner<flymq_pool, flymq_pool_free> {
public:
    Pool(const std::string &addresses, std::size_t size, Config::Options options = {})
        : Owner(detail::make<flymq_pool>([&](auto out, auto error) {
              Config config(FLYMQ_CONFIG_CLIENT, options);
              return flymq_pool_new(addresses.c_str(), config.get(), size, out, error);
          })) {}
    Client borrow(milliseconds timeout = patience) {
        return Client(detail::make<flymq_client>([&](auto out, auto error) {
            return flymq_pool_get(get(), detail::millis(timeout), out, error);
        }));
    }
    /** How many clients are borrowed. */
    std::size_t borrowed() const {
        std::size_t count = 0;
        detail::check([&](auto error) { return flymq_pool_borrowed(get(), &count, error); });
        return count;
    }
    void close(milliseconds timeout = patience) {
        detail::check([&](auto e) { return flymq_pool_close(get(), detail::millis(timeout), e); });
    }
};

/** What became of a record: where it is, or the error. */
struct Delivery {
    std::optional<Stored> stored;
    std::int32_t code;
    std::string message;
};

/** Sends records in batches; a function is called once for each, on a thread of the library. */
class Producer {
public:
    using Callback = std::function<void(const Delivery &)>;

    explicit Producer(const Client &client, Config::Options options = {})
        : queue_(detail::make<flymq_queue>(flymq_queue_new)) {
        detail::check([&](auto e) {
            return flymq_queue_serve(queue_.get(), called, nullptr, nullptr, e);
        });
        Config config(FLYMQ_CONFIG_PRODUCER, options);
        producer_ = Sending(detail::make<flymq_producer>([&](auto out, auto error) {
            return flymq_producer_new(client.get(), config.get(), queue_.get(), out, error);
        }));
    }
    /** Closes, and waits until every function was called. */
    ~Producer() {
        flymq_producer_close(producer_.get(), detail::millis(patience), nullptr);
        std::unique_lock lock(pending_->lock);
        pending_->changed.wait(lock, [this] { return pending_->count == 0; });
    }
    Producer(const Producer &) = delete;
    Producer &operator=(const Producer &) = delete;

    /** The function must not throw. */
    void send(const std::string &topic, const Record &record, Callback callback = {}) {
        auto tag = std::make_unique<Tag>(Tag{std::move(callback), Place(pending_.get())});
        detail::check([&](auto error) {
            return flymq_producer_send_record(producer_.get(), topic.c_str(), record.get(), tag.get(),
                                              error);
        });
        // Its event frees it.
        static_cast<void>(tag.release());
    }
    void flush(milliseconds timeout = patience) {
        detail::check([&](auto error) {
            return flymq_producer_flush(producer_.get(), detail::millis(timeout), error);
        });
    }

private:
    using Sending = detail::Owner<flymq_producer, flymq_producer_free>;

    /** Records whose event is still to come. */
    struct Pending {
        std::mutex lock;
        std::condition_variable changed;
        std::size_t count = 0;
    };
    struct Leave {
        void operator()(Pending *pending) const {
            std::lock_guard lock(pending->lock);
            pending->count--;
            pending->changed.notify_all();
        }
    };
    /** Counts as pending for as long as it lives. */
    struct Place : std::unique_ptr<Pending, Leave> {
        explicit Place(Pending *pending) : std::unique_ptr<Pending, Leave>(pending) {
            std::lock_guard lock(pending->lock);
            pending->count++;
        }
    };
    struct Tag {
        Callback callback;
        Place place;
    };

    static void called(void *, const flymq_event *event) {
        std::unique_ptr<Tag> tag(static_cast<Tag *>(flymq_event_tag(event)));
        if (!tag->callback) {
            return;
        }
        Delivery delivery{std::nullopt, flymq_event_code(event), {}};
        if (delivery.code == FLYMQ_OK) {
            delivery.stored = Stored{flymq_event_partition(event), flymq_event_offset(event)};
        } else {
            delivery.message = flymq_error_message(flymq_event_error(event));
        }
        tag->callback(delivery);
    }

    std::unique_ptr<Pending> pending_ = std::make_unique<Pending>();
    detail::Owner<flymq_queue, flymq_queue_free> queue_;
    Sending producer_;
};

/** Reads topics together with the other members of a group. */
class Consumer : public detail::Owner<flymq_consumer, flymq_consumer_free> {
public:
    explicit Consumer(const Client &client, Config::Options options = {})
        : Owner(detail::make<flymq_consumer>([&](auto out, auto error) {
              Config config(FLYMQ_CONFIG_CONSUMER, options);
              return flymq_consumer_new(client.get(), config.get(), nullptr, nullptr, out, error);
          })) {}
    void subscribe(const std::vector<std::string> &topics) {
        std::vector<const char *> names;
        for (const auto &topic : topics) {
            names.push_back(topic.c_str());
        }
        detail::check([&](auto error) {
            return flymq_consumer_subscribe(get(), names.data(), names.size(), error);
        });
    }
    /** Empty if nothing comes in time. */
    Batch poll(std::size_t max_records, milliseconds timeout) {
        return Batch(detail::make<flymq_batch>([&](auto out, auto error) {
            return flymq_consumer_poll(get(), max_records, detail::millis(timeout), out, error);
        }));
    }
    void commit() {
        detail::check([&](auto error) { return flymq_consumer_commit(get(), error); });
    }
    void close(milliseconds timeout = patience) {
        detail::check([&](auto e) { return flymq_consumer_close(get(), detail::millis(timeout), e); });
    }
};

inline void Transaction::send_offsets(const Consumer &consumer) {
    detail::check(
        [&](auto error) { return flymq_transaction_send_offsets(get(), consumer.get(), error); });
}

} // namespace flymq

#endif
