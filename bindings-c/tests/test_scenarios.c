/* The scenarios of conformance/groups and conformance/transactions, as scenarios.py writes them. */
#include "serve.h"
#include "steps.h"

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum { NAMES = 8 };

/* What is open, by its name. */
typedef struct {
    char name[32];
    flymq_consumer *consumer;
    flymq_transactional_producer *producer;
    flymq_transaction *transaction;
} Named;

static Named open_ones[NAMES];
static Served broker;
static flymq_client *client;
static char folder[] = "/tmp/flymq-scenario-XXXXXX";

static Named *named_one(const char *name) {
    for (int i = 0; i < NAMES; i++) {
        if (strcmp(open_ones[i].name, name) == 0 || open_ones[i].name[0] == 0) {
            snprintf(open_ones[i].name, sizeof open_ones[i].name, "%s", name);
            return &open_ones[i];
        }
    }
    abort();
}

static flymq_consumer *consumer_named(const char *name) {
    flymq_consumer *found = named_one(name)->consumer;
    CHECK(found != NULL);
    return found;
}

static bool in_time(time_t began) {
    return time(NULL) - began < DEADLINE_MS / 1000;
}

/* Polls consumers of which nothing is expected. */
static void poll_all(const char *names) {
    const char *each[ITEMS];
    size_t count = split(names, each);
    for (size_t i = 0; i < count; i++) {
        flymq_batch *batch;
        OK(flymq_consumer_poll(consumer_named(each[i]), 500, 20, &batch, &error));
        CHECK(batch == NULL);
    }
}

/* The partitions that a consumer holds, of one topic or of all, as "topic:partition,…". */
static size_t held(const char *name, const char *topic, char *text) {
    flymq_table *table;
    OK(flymq_consumer_assignment(consumer_named(name), &table, &error));
    static char memory[ITEMS][64];
    const char *slots[ITEMS];
    size_t count = 0;
    for (size_t row = 0; row < flymq_table_rows(table); row++) {
        const char *of = flymq_table_text(table, row, "topic");
        if (topic == NULL || strcmp(of, topic) == 0) {
            snprintf(memory[count], sizeof *memory, "%s:%d", of, (int)number(table, row, "partition"));
            slots[count] = memory[count];
            count++;
        }
    }
    flymq_table_free(table);
    qsort(slots, count, sizeof *slots, by_text);
    text[0] = 0;
    for (size_t i = 0; i < count; i++) {
        strcat(strcat(text, i == 0 ? "" : ","), slots[i]);
    }
    return count;
}

static bool assigned(void) {
    poll_all(field("consumers"));
    const char *names[ITEMS];
    size_t count = split(field("consumers"), names);
    for (size_t i = 0; i < count; i++) {
        char key[64], holds[LINE];
        snprintf(key, sizeof key, "held-%s", names[i]);
        held(names[i], NULL, holds);
        if (strcmp(holds, field(key)) != 0) {
            return false;
        }
    }
    return true;
}

static bool shared(void) {
    poll_all(field("consumers"));
    const char *names[ITEMS], *wanted[ITEMS];
    size_t count = split(field("consumers"), names);
    CHECK(split(field("each"), wanted) == count);
    size_t shares[ITEMS], together = 0;
    char all[LINE] = "", one[LINE];
    for (size_t i = 0; i < count; i++) {
        shares[i] = held(names[i], field("topic"), one);
        together += shares[i];
        strcat(strcat(all, one), ",");
        for (size_t j = i; j > 0 && shares[j] < shares[j - 1]; j--) {
            size_t swap = shares[j];
            shares[j] = shares[j - 1];
            shares[j - 1] = swap;
        }
    }
    if (together != (size_t)field_number("partitions")) {
        return false;
    }
    for (size_t i = 0; i < together; i++) {
        char slot[64];
        snprintf(slot, sizeof slot, "%s:%d,", field("topic"), (int)i);
        if (strstr(all, slot) == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (shares[i] != (size_t)atoi(wanted[i])) {
            return false;
        }
    }
    return true;
}

static bool at_position(void) {
    poll_all(field("consumer"));
    uint64_t position = UINT64_MAX;
    int32_t code = flymq_consumer_position(consumer_named(field("consumer")), field("topic"),
                                           (uint32_t)field_number("partition"), &position, NULL);
    return code == FLYMQ_OK && position == (uint64_t)field_number("offset");
}

static void until(bool (*reached)(void)) {
    time_t began = time(NULL);
    while (!reached()) {
        CHECK(in_time(began));
    }
}

static int32_t poll_values(flymq_error **error) {
    flymq_consumer *consumer = consumer_named(field("consumer"));
    const char *wanted[ITEMS], *seen[ITEMS];
    static char memory[ITEMS][64];
    size_t count = find("error") == NULL ? split(field("values"), wanted) : ITEMS, have = 0;
    size_t most = find("max_records") == NULL ? 500 : (size_t)field_number("max_records");
    time_t began = time(NULL);
    while (have < count) {
        size_t ask = most < count - have ? most : count - have;
        flymq_batch *batch;
        int32_t code = flymq_consumer_poll(consumer, ask, 100, &batch, error);
        if (code != FLYMQ_OK) {
            return code;
        }
        CHECK(in_time(began) && flymq_batch_count(batch) <= ask);
        for (size_t i = 0; i < flymq_batch_count(batch); i++) {
            size_t len;
            const void *value = flymq_message_value(flymq_batch_message(batch, i), &len);
            snprintf(memory[have], sizeof *memory, "%.*s", (int)len, (const char *)value);
            seen[have] = memory[have];
            have++;
        }
        flymq_batch_free(batch);
    }
    qsort(seen, have, sizeof *seen, by_text);
    for (size_t i = 0; i < have; i++) {
        CHECK(strcmp(seen[i], wanted[i]) == 0);
    }
    return FLYMQ_OK;
}

static void read_all(void) {
    const char *wanted[ITEMS];
    size_t count = split(field("values"), wanted);
    bool all = strcmp(field("isolation"), "read_uncommitted") == 0;
    flymq_batch *batch;
    OK(flymq_client_fetch(client, field("topic"), (uint32_t)field_number("partition"), 0, 0, 0, 0, 0,
                          all ? FLYMQ_READ_UNCOMMITTED : FLYMQ_READ_COMMITTED, &batch, &error));
    CHECK(flymq_batch_count(batch) == count);
    for (size_t i = 0; i < count; i++) {
        CHECK(has_value(flymq_batch_message(batch, i), wanted[i]));
    }
    flymq_batch_free(batch);
}

static void check_committed(void) {
    const char *wanted[ITEMS];
    size_t count = split(field("offsets"), wanted);
    flymq_table *table;
    OK(flymq_client_group_offsets(client, field("group"), &table, &error));
    CHECK(flymq_table_rows(table) == count);
    for (size_t row = 0; row < count; row++) {
        char found[128];
        snprintf(found, sizeof found, "%s:%d:%d", flymq_table_text(table, row, "topic"),
                 (int)number(table, row, "partition"), (int)number(table, row, "offset"));
        bool there = false;
        for (size_t i = 0; i < count; i++) {
            there |= strcmp(found, wanted[i]) == 0;
        }
        CHECK(there);
    }
    flymq_table_free(table);
}

static int32_t join(flymq_error **failure) {
    flymq_config *options = config(FLYMQ_CONFIG_CONSUMER, "group", field("group"));
    if (field_number("auto_commit") == 0) {
        OK(flymq_config_set(options, "auto_commit_interval_ms", "0", &error));
    }
    const char *given[] = {"auto_offset_reset", "assignor", "instance_id"};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        if (find(given[i]) != NULL) {
            OK(flymq_config_set(options, given[i], find(given[i]), &error));
        }
    }
    Named *slot = named_one(field("consumer"));
    OK(flymq_consumer_new(client, options, NULL, NULL, &slot->consumer, &error));
    flymq_config_free(options);
    if (find("pattern") != NULL) {
        return flymq_consumer_subscribe_pattern(slot->consumer, find("pattern"), failure);
    }
    const char *topics[ITEMS];
    size_t count = split(field("topics"), topics);
    return flymq_consumer_subscribe(slot->consumer, topics, count, failure);
}

static int32_t send(flymq_error **failure) {
    flymq_transaction *transaction = named_one(field("producer"))->transaction;
    const char *values[ITEMS];
    size_t count = split(field("values"), values);
    int32_t code = FLYMQ_OK;
    for (size_t i = 0; i < count && code == FLYMQ_OK; i++) {
        flymq_record *record;
        OK(flymq_record_new(NULL, 0, values[i], strlen(values[i]), &record, &error));
        OK(flymq_record_set_partition(record, (uint32_t)field_number("partition"), &error));
        code = flymq_transaction_produce_record(transaction, field("topic"), record, NULL, NULL, failure);
        flymq_record_free(record);
    }
    return code;
}

static int32_t close_one(flymq_error **failure) {
    int32_t code = FLYMQ_OK;
    Named *slot = named_one(find("consumer") != NULL ? find("consumer") : field("producer"));
    if (find("consumer") != NULL) {
        code = flymq_consumer_close(slot->consumer, DEADLINE_MS, failure);
        flymq_consumer_free(slot->consumer);
        slot->consumer = NULL;
    } else {
        flymq_transaction_free(slot->transaction);
        slot->transaction = NULL;
        code = flymq_transactional_producer_close(slot->producer, DEADLINE_MS, failure);
        flymq_transactional_producer_free(slot->producer);
        slot->producer = NULL;
    }
    return code;
}

static int32_t step(const char *what, flymq_error **failure) {
    const char *topic = find("topic"), *group = find("group");
    const char *producer_name = find("producer"), *consumer_name = find("consumer");
    uint32_t partition = (uint32_t)field_number("partition");
    if (strcmp(what, "create_topic") == 0) {
        return flymq_client_create_topic(client, topic, (uint32_t)field_number("partitions"),
                                         failure);
    } else if (strcmp(what, "add_partitions") == 0) {
        return flymq_client_add_partitions(client, topic, (uint32_t)field_number("partitions"), failure);
    } else if (strcmp(what, "restart_broker") == 0) {
        char port[16];
        port_of(&broker, port);
        stop_serving(&broker);
        broker = serve(folder, port);
    } else if (strcmp(what, "produce") == 0) {
        const char *values[ITEMS];
        size_t count = split(field("values"), values);
        for (size_t i = 0; i < count; i++) {
            flymq_record *record;
            OK(flymq_record_new(NULL, 0, values[i], strlen(values[i]), &record, &error));
            OK(flymq_record_set_partition(record, partition, &error));
            OK(flymq_client_produce_record(client, topic, record, NULL, NULL, &error));
            flymq_record_free(record);
        }
    } else if (strcmp(what, "read") == 0) {
        read_all();
    } else if (strcmp(what, "join") == 0) {
        return join(failure);
    } else if (strcmp(what, "assigned") == 0) {
        until(assigned);
    } else if (strcmp(what, "shared") == 0) {
        until(shared);
    } else if (strcmp(what, "poll") == 0) {
        return poll_values(failure);
    } else if (strcmp(what, "position") == 0) {
        until(at_position);
    } else if (strcmp(what, "seek") == 0) {
        return flymq_consumer_seek(consumer_named(consumer_name), topic, partition,
                                   FLYMQ_START_OFFSET, field_number("offset"), failure);
    } else if (strcmp(what, "rewind") == 0) {
        return flymq_consumer_rewind(consumer_named(consumer_name), failure);
    } else if (strcmp(what, "committed") == 0) {
        check_committed();
    } else if (strcmp(what, "reset") == 0) {
        bool first = strcmp(field("to"), "earliest") == 0;
        int32_t start = first ? FLYMQ_START_EARLIEST : FLYMQ_START_LATEST;
        return flymq_client_reset_group_offsets(client, group, topic, start, 0, failure);
    } else if (strcmp(what, "delete_group") == 0) {
        return flymq_client_delete_group(client, group, failure);
    } else if (strcmp(what, "open") == 0) {
        return flymq_transactional_producer_new(client, field("transactional_id"), NULL,
                                                &named_one(producer_name)->producer, failure);
    } else if (strcmp(what, "begin") == 0) {
        flymq_transaction *begun;
        Named *slot = named_one(producer_name);
        int32_t code = flymq_transactional_producer_begin(slot->producer, &begun, failure);
        if (code == FLYMQ_OK) {
            flymq_transaction_free(slot->transaction);
            slot->transaction = begun;
        }
        return code;
    } else if (strcmp(what, "commit") == 0) {
        return producer_name != NULL
                   ? flymq_transaction_commit(named_one(producer_name)->transaction, failure)
                   : flymq_consumer_commit(consumer_named(consumer_name), failure);
    } else if (strcmp(what, "abort") == 0) {
        return flymq_transaction_abort(named_one(producer_name)->transaction, failure);
    } else if (strcmp(what, "send") == 0) {
        return send(failure);
    } else if (strcmp(what, "send_offsets") == 0) {
        return flymq_transaction_send_offsets(named_one(producer_name)->transaction,
                                              consumer_named(consumer_name), failure);
    } else if (strcmp(what, "close") == 0) {
        return close_one(failure);
    } else {
        fprintf(stderr, "there is no step %s\n", what);
        abort();
    }
    return FLYMQ_OK;
}

static void begin_scenario(void) {
    snprintf(folder, sizeof folder, "/tmp/flymq-scenario-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    empty_cluster();
    broker = serve(folder, "0");
    OK(flymq_client_connect(broker.address, NULL, &client, &error));
}

static void end_scenario(void) {
    for (int i = 0; i < NAMES; i++) {
        flymq_transaction_free(open_ones[i].transaction);
        flymq_consumer_free(open_ones[i].consumer);
        flymq_transactional_producer_free(open_ones[i].producer);
    }
    memset(open_ones, 0, sizeof open_ones);
    flymq_client_free(client);
    stop_serving(&broker);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    FILE *file = fopen(argv[1], "r");
    CHECK(file != NULL);
    static char line[LINE];
    int scenarios = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        read_step(line);
        if (find("scenario") != NULL) {
            if (scenarios++ > 0) {
                end_scenario();
            }
            printf("%s\n", find("scenario"));
            fflush(stdout);
            begin_scenario();
            continue;
        }
        flymq_error *failure = NULL;
        int32_t code = step(field("do"), &failure);
        const char *expected = find("error");
        const char *name = code == FLYMQ_OK ? NULL : flymq_error_name(failure);
        if (expected == NULL ? name != NULL : name == NULL || strcmp(name, expected) != 0) {
            fprintf(stderr, "%s: %s instead of %s\n", field("do"),
                    name == NULL ? "success" : flymq_error_message(failure),
                    expected == NULL ? "success" : expected);
            abort();
        }
        flymq_error_free(failure);
    }
    fclose(file);
    CHECK(scenarios > 0);
    end_scenario();
    printf("%d scenarios\n", scenarios);
    return 0;
}
