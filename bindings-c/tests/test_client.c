/* Client, topics, records, messages, tables, configuration, errors. */
#include "check.h"

static void version(void) {
    CHECK(strcmp(flymq_version(), FLYMQ_VERSION) == 0);
    CHECK(flymq_version_number() == FLYMQ_VERSION_NUMBER);
}

static void configuration(void) {
    const int32_t kinds[] = {FLYMQ_CONFIG_CLIENT, FLYMQ_CONFIG_PRODUCER, FLYMQ_CONFIG_CONSUMER,
                             FLYMQ_CONFIG_TRANSACTIONAL_PRODUCER, FLYMQ_CONFIG_BROKER};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        flymq_config *options = config(kinds[i], NULL, NULL);
        size_t count = flymq_config_option_count(kinds[i]);
        CHECK(count > 0);
        for (size_t index = 0; index < count; index++) {
            const char *name, *value, *doc;
            bool secret;
            OK(flymq_config_option(kinds[i], index, &name, &value, &doc, &secret, &error));
            CHECK(strlen(name) > 0 && doc[strlen(doc) - 1] == '.');
            CHECK(!secret || strlen(value) == 0);
            /* Each default is a value that its option takes. */
            if (strlen(value) > 0) {
                OK(flymq_config_set(options, name, value, &error));
            }
        }
        FAILS(FLYMQ_ERROR_INVALID_ARGUMENT,
              flymq_config_option(kinds[i], count, NULL, NULL, NULL, NULL, &error));
        FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_config_set(options, "nothing", "1", &error));
        flymq_config_free(options);
    }
    flymq_config *none;
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_config_new(99, &none, &error));
    CHECK(none == NULL);
    CHECK(flymq_config_option_count(99) == 0);

    flymq_error *error;
    flymq_config *options = config(FLYMQ_CONFIG_PRODUCER, NULL, NULL);
    CHECK(flymq_config_set(options, "linger", "5", &error) == FLYMQ_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(flymq_error_message(error), "is it linger_ms?") != NULL);
    flymq_error_free(error);
    flymq_config_free(options);
    options = config(FLYMQ_CONFIG_CLIENT, NULL, NULL);
    CHECK(flymq_config_set(options, "connect_timeout_ms", "soon", &error) ==
          FLYMQ_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(flymq_error_message(error), "takes milliseconds") != NULL);
    flymq_error_free(error);
    /* A secret is not repeated. */
    CHECK(flymq_config_set(options, "encryption_key", "hunter2", &error) != FLYMQ_OK);
    CHECK(strstr(flymq_error_message(error), "hunter2") == NULL);
    flymq_error_free(error);
    flymq_broker *broker;
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_broker_start(options, &broker, &error));
    flymq_config_free(options);

    flymq_client *client;
    flymq_config *hasty = config(FLYMQ_CONFIG_CLIENT, "connect_timeout_ms", "50");
    FAILS(FLYMQ_ERROR_CONNECT_FAILED, flymq_client_connect("127.0.0.1:1", hasty, &client, &error));
    CHECK(client == NULL);
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_client_connect("http://x", hasty, &client, &error));
    flymq_config_free(hasty);
}

static void produce_and_read(World world) {
    create(world, "orders", 2);
    uint32_t partition;
    uint64_t offset;
    OK(flymq_client_produce(world.client, "orders", "k", 1, "hello", 5, &partition, &offset, &error));
    flymq_batch *batch;
    OK(flymq_client_consume(world.client, "orders", partition, offset, &batch, &error));
    CHECK(flymq_batch_count(batch) == 1);
    const flymq_message *message = flymq_batch_message(batch, 0);
    CHECK(has_value(message, "hello"));
    CHECK(strcmp(flymq_message_topic(message), "orders") == 0);
    CHECK(flymq_message_partition(message) == partition);
    CHECK(flymq_message_offset(message) == offset);
    CHECK(flymq_message_timestamp(message) > 0);
    CHECK(flymq_message_header_count(message) == 0);
    CHECK(flymq_batch_message(batch, 1) == NULL);
    flymq_batch_free(batch);
    OK(flymq_client_consume(world.client, "orders", partition, offset + 1, &batch, &error));
    CHECK(batch == NULL);
    FAILS(FLYMQ_ERROR_OFFSET_OUT_OF_RANGE,
          flymq_client_consume(world.client, "orders", partition, offset + 2, &batch, &error));

    /* A key alone, with a NUL in it: a tombstone. */
    OK(flymq_client_produce(world.client, "orders", "k\0l", 3, NULL, 0, &partition, &offset, &error));
    OK(flymq_client_consume(world.client, "orders", partition, offset, &batch, &error));
    size_t len = 7;
    CHECK(flymq_message_value(flymq_batch_message(batch, 0), &len) == NULL && len == 0);
    const void *key = flymq_message_key(flymq_batch_message(batch, 0), &len);
    CHECK(len == 3 && memcmp(key, "k\0l", 3) == 0);
    flymq_batch_free(batch);
    /* An empty value is one. */
    OK(flymq_client_produce(world.client, "orders", NULL, 0, "", 0, &partition, &offset, &error));
    OK(flymq_client_consume(world.client, "orders", partition, offset, &batch, &error));
    CHECK(flymq_message_value(flymq_batch_message(batch, 0), &len) != NULL && len == 0);
    CHECK(flymq_message_key(flymq_batch_message(batch, 0), &len) == NULL);
    flymq_batch_free(batch);
}

static void whole_records(World world) {
    create(world, "whole", 3);
    flymq_record *record;
    OK(flymq_record_new("key", 3, "value", 5, &record, &error));
    OK(flymq_record_add_header(record, "unit", "C", 1, &error));
    OK(flymq_record_add_header(record, "none", NULL, 0, &error));
    OK(flymq_record_set_partition(record, 2, &error));
    OK(flymq_record_set_timestamp(record, 1700000000000, &error));
    uint32_t partition;
    uint64_t offset;
    OK(flymq_client_produce_record(world.client, "whole", record, &partition, &offset, &error));
    /* It may be sent again. */
    OK(flymq_client_produce_record(world.client, "whole", record, NULL, NULL, &error));
    flymq_record_free(record);
    CHECK(partition == 2 && offset == 0);
    flymq_batch *batch;
    OK(flymq_client_fetch(world.client, "whole", 2, 0, 0, 0, 0, DEADLINE_MS, FLYMQ_READ_COMMITTED,
                          &batch, &error));
    CHECK(flymq_batch_count(batch) == 2);
    const flymq_message *message = flymq_batch_message(batch, 1);
    CHECK(flymq_message_timestamp(message) == 1700000000000);
    CHECK(flymq_message_header_count(message) == 2);
    const char *name;
    const void *value;
    size_t name_len, value_len;
    OK(flymq_message_header(message, 0, &name, &name_len, &value, &value_len, &error));
    CHECK(holds(name, name_len, "unit") && holds(value, value_len, "C"));
    OK(flymq_message_header(message, 1, &name, &name_len, &value, &value_len, &error));
    CHECK(holds(name, name_len, "none") && value == NULL);
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT,
          flymq_message_header(message, 2, NULL, NULL, NULL, NULL, &error));
    OK(flymq_record_from_message(message, &record, &error));
    OK(flymq_client_produce_record(world.client, "orders", record, &partition, &offset, &error));
    flymq_record_free(record);
    flymq_batch_free(batch);
    OK(flymq_client_consume(world.client, "orders", partition, offset, &batch, &error));
    CHECK(flymq_message_header_count(flymq_batch_message(batch, 0)) == 2);
    flymq_batch_free(batch);
    OK(flymq_client_fetch(world.client, "whole", 0, 0, 0, 0, 0, 0, FLYMQ_READ_COMMITTED, &batch, &error));
    CHECK(batch == NULL);
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT,
          flymq_client_fetch(world.client, "whole", 0, 0, 0, 0, 0, 0, 9, &batch, &error));
}

static void strings(World world) {
    create(world, "strings", 1);
    OK(flymq_client_produce_text(world.client, "strings", "en", "hello", &error));
    OK(flymq_client_produce_text(world.client, "strings", "en", NULL, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_client_produce_text(world.client, NULL, "k", "v", &error));
    flymq_batch *batch;
    OK(flymq_client_fetch(world.client, "strings", 0, 0, 0, 0, 0, DEADLINE_MS, FLYMQ_READ_COMMITTED,
                          &batch, &error));
    CHECK(flymq_batch_count(batch) == 2 && has_value(flymq_batch_message(batch, 0), "hello"));
    size_t len;
    const void *key = flymq_message_key(flymq_batch_message(batch, 0), &len);
    CHECK(holds(key, len, "en"));
    CHECK(flymq_message_value(flymq_batch_message(batch, 1), &len) == NULL);
    flymq_batch_free(batch);
}

static void topics(World world) {
    bool created;
    const char *names[] = {"retention_ms"}, *values[] = {"60000"};
    OK(flymq_client_create_topic_with(world.client, "t", 2, 0, names, values, 1, true, &created, &error));
    CHECK(created);
    OK(flymq_client_create_topic_with(world.client, "t", 2, 0, NULL, NULL, 0, true, &created, &error));
    CHECK(!created);
    FAILS(FLYMQ_ERROR_TOPIC_EXISTS,
          flymq_client_create_topic(world.client, "t", 2, &error));
    OK(flymq_client_add_partitions(world.client, "t", 3, &error));
    flymq_table *table;
    OK(flymq_client_describe_topic(world.client, "t", &table, &error));
    CHECK(flymq_table_rows(table) == 3 && number(table, 2, "latest") == 0);
    flymq_table_free(table);
    OK(flymq_client_topic_options(world.client, "t", &table, &error));
    bool found = false;
    for (size_t row = 0; row < flymq_table_rows(table); row++) {
        found |= strcmp(flymq_table_text(table, row, "name"), "retention_ms") == 0 &&
                 strcmp(flymq_table_text(table, row, "value"), "60000") == 0;
    }
    CHECK(found);
    flymq_table_free(table);
    OK(flymq_client_alter_topic(world.client, "t", "retention_ms", "70000", &error));
    OK(flymq_client_alter_topic(world.client, "t", "retention_ms", NULL, &error));
    FAILS(FLYMQ_ERROR_INVALID_CONFIG,
          flymq_client_alter_topic(world.client, "t", "retention_ms", "soon", &error));

    OK(flymq_client_produce(world.client, "t", NULL, 0, "x", 1, NULL, NULL, &error));
    flymq_partitions *places;
    OK(flymq_partitions_new(&places, &error));
    for (uint32_t partition = 0; partition < 3; partition++) {
        OK(flymq_partitions_add(places, "t", partition, FLYMQ_START_LATEST, 0, &error));
    }
    OK(flymq_partitions_add(places, "t", 0, FLYMQ_START_EARLIEST, 0, &error));
    OK(flymq_partitions_add(places, "t", 0, FLYMQ_START_TIMESTAMP, 0, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_partitions_add(places, "t", 0, 9, 0, &error));
    OK(flymq_client_list_offsets(world.client, places, FLYMQ_READ_COMMITTED, &table, &error));
    CHECK(flymq_table_rows(table) == 5);
    CHECK(number(table, 0, "offset") + number(table, 1, "offset") + number(table, 2, "offset") == 1);
    CHECK(number(table, 3, "offset") == 0);
    flymq_table_free(table);
    flymq_partitions_free(places);

    OK(flymq_client_delete_topic(world.client, "t", &error));
    FAILS(FLYMQ_ERROR_UNKNOWN_TOPIC, flymq_client_describe_topic(world.client, "t", &table, &error));
    OK(flymq_client_list_topics(world.client, &table, &error));
    CHECK(flymq_table_columns(table) == 2 && flymq_table_rows(table) >= 2);
    for (size_t row = 0; row < flymq_table_rows(table); row++) {
        CHECK(strcmp(flymq_table_text(table, row, "name"), "t") != 0);
    }
    CHECK(flymq_table_text(table, 0, "partitions") == NULL);
    CHECK(flymq_table_text(table, 99, "name") == NULL);
    CHECK(flymq_table_text(table, 0, "colour") == NULL);
    int64_t none;
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_table_number(table, 0, "name", &none, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_table_number(table, 99, "partitions", &none, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_table_number(table, 0, "colour", &none, &error));
    flymq_table_free(table);
}

static void about_the_broker(World world) {
    uint64_t micros = 0;
    OK(flymq_client_ping(world.client, &micros, &error));
    CHECK(micros > 0);
    flymq_table *table;
    OK(flymq_client_broker(world.client, &table, &error));
    CHECK(strcmp(flymq_table_text(table, 0, "version"), flymq_version()) == 0);
    CHECK(strcmp(flymq_table_text(table, 0, "address"), flymq_broker_address(world.broker)) == 0);
    flymq_table_free(table);
    OK(flymq_client_brokers(world.client, &table, &error));
    CHECK(flymq_table_rows(table) == 1 && number(table, 0, "port") > 0);
    flymq_table_free(table);
    OK(flymq_client_cluster_status(world.client, &table, &error));
    CHECK(flymq_table_rows(table) == 1 && number(table, 0, "healthy") == 1);
    CHECK(strcmp(flymq_table_text(table, 0, "engine"), "embedded") == 0);
    CHECK(strlen(flymq_table_text(table, 0, "cluster_id")) > 0);
    CHECK(number(table, 0, "partitions") >= 3 && number(table, 0, "under_replicated") == 0);
    CHECK(number(table, 0, "offline") == 0);
    flymq_table_free(table);
    OK(flymq_client_cluster_nodes(world.client, &table, &error));
    CHECK(flymq_table_rows(table) == 0);
    flymq_table_free(table);
    OK(flymq_client_cluster_troubled(world.client, &table, &error));
    CHECK(flymq_table_rows(table) == 0);
    flymq_table_free(table);
    uint32_t partitions = 0;
    OK(flymq_client_partition_count(world.client, "whole", &partitions, &error));
    CHECK(partitions == 3);
    FAILS(FLYMQ_ERROR_UNKNOWN_TOPIC,
          flymq_client_partition_count(world.client, "nowhere", &partitions, &error));
    OK(flymq_client_metrics(world.client, &table, &error));
    CHECK(named(table, "connections") >= 1 && named(table, "PING.requests") >= 1);
    CHECK(named(table, "PING.errors") == 0 && named(table, "PING.latency_p99") > 0);
    CHECK(named(table, "sent_records") >= 4 && named(table, "latency_p50") > 0);
    char unknown_topic[32];
    snprintf(unknown_topic, sizeof unknown_topic, "errors.%d", FLYMQ_ERROR_UNKNOWN_TOPIC);
    CHECK(named(table, unknown_topic) >= 1);
    flymq_table_free(table);
}

static void hostile_arguments(World world) {
    uint64_t offset;
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT,
          flymq_client_produce(world.client, "bad \xff utf-8", NULL, 0, "x", 1, NULL, &offset, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT,
          flymq_client_produce(world.client, "orders", NULL, 5, "x", 1, NULL, &offset, &error));
    /* So many bytes are not even looked at. */
    FAILS(FLYMQ_ERROR_RECORD_TOO_LARGE,
          flymq_client_produce(world.client, "orders", NULL, 0, "x", SIZE_MAX, NULL, &offset, &error));
    FAILS(FLYMQ_ERROR_RECORD_TOO_LARGE,
          flymq_client_produce(world.client, "orders", "x", (size_t)-1 / 2, NULL, 0, NULL, NULL, &error));
    flymq_batch *batch;
    FAILS(FLYMQ_ERROR_OFFSET_OUT_OF_RANGE,
          flymq_client_consume(world.client, "orders", 0, UINT64_MAX, &batch, &error));
    FAILS(FLYMQ_ERROR_UNKNOWN_PARTITION,
          flymq_client_consume(world.client, "orders", UINT32_MAX, 0, &batch, &error));
    const char *one[] = {"x"};
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT,
          flymq_client_create_topic_with(world.client, "x", 1, 0, one, one, SIZE_MAX, false, NULL, &error));
    FAILS(FLYMQ_ERROR_INVALID_PARTITIONS,
          flymq_client_create_topic(world.client, "x", UINT32_MAX, &error));
    char *large = malloc(40u << 20);
    memset(large, 'x', 40u << 20);
    FAILS(FLYMQ_ERROR_RECORD_TOO_LARGE,
          flymq_client_produce(world.client, "orders", NULL, 0, large, 40u << 20, NULL, NULL, &error));
    large[40000] = 0;
    flymq_table *table;
    /* Refused with whatever the broker says of such a name, but refused. */
    CHECK(flymq_client_describe_topic(world.client, large, &table, NULL) != FLYMQ_OK);
    free(large);
    /* Without a place for the error, its code is enough. */
    CHECK(flymq_client_delete_topic(world.client, "nowhere", NULL) == FLYMQ_ERROR_UNKNOWN_TOPIC);
}

static void errors(World world) {
    flymq_error *error;
    CHECK(flymq_client_delete_topic(world.client, "nowhere", &error) == FLYMQ_ERROR_UNKNOWN_TOPIC);
    CHECK(strcmp(flymq_error_name(error), "UNKNOWN_TOPIC") == 0);
    CHECK(!flymq_error_is_retriable(error) && !flymq_error_is_fatal(error));
    CHECK(!flymq_error_txn_requires_abort(error) && !flymq_error_txn_is_repeatable(error));
    flymq_error_free(error);
    CHECK(flymq_error_code(NULL) == FLYMQ_OK && flymq_error_name(NULL) == NULL);
}

static void closing(World world) {
    flymq_client *client;
    OK(flymq_client_connect(flymq_broker_address(world.broker), NULL, &client, &error));
    OK(flymq_client_close(client, DEADLINE_MS, &error));
    OK(flymq_client_close(client, DEADLINE_MS, &error));
    flymq_error *error;
    CHECK(flymq_client_ping(client, NULL, &error) == FLYMQ_ERROR_CLOSED);
    CHECK(flymq_error_is_fatal(error));
    flymq_error_free(error);
    flymq_client_free(client);
    /* What is not closed is freed all the same. */
    OK(flymq_client_connect(flymq_broker_address(world.broker), NULL, &client, &error));
    flymq_client_free(client);
}

static void many_at_once(World world) {
    enum { COUNT = 1000 };
    create(world, "many", 3);
    const flymq_record *records[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        flymq_record *record;
        OK(flymq_record_new(NULL, 0, &i, sizeof i, &record, &error));
        if (i % 2 == 0) {
            OK(flymq_record_set_partition(record, 2, &error));
        }
        records[i] = record;
    }
    flymq_table *table;
    OK(flymq_client_produce_batch(world.client, "many", records, COUNT, &table, &error));
    CHECK(flymq_table_rows(table) == COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK(i % 2 != 0 || number(table, i, "partition") == 2);
        CHECK(number(table, i, "timestamp") > 0);
        if (i % 100 > 1) {
            continue;
        }
        /* Each row is where its record is. */
        flymq_batch *batch;
        OK(flymq_client_consume(world.client, "many", (uint32_t)number(table, i, "partition"),
                                (uint64_t)number(table, i, "offset"), &batch, &error));
        size_t len;
        const void *value = flymq_message_value(flymq_batch_message(batch, 0), &len);
        CHECK(len == sizeof i && memcmp(value, &i, sizeof i) == 0);
        flymq_batch_free(batch);
    }
    flymq_table_free(table);
    FAILS(FLYMQ_ERROR_UNKNOWN_TOPIC,
          flymq_client_produce_batch(world.client, "nowhere", records, COUNT, &table, &error));
    CHECK(table == NULL);
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT,
          flymq_client_produce_batch(world.client, "many", NULL, COUNT, &table, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT,
          flymq_client_produce_batch(world.client, "many", records, SIZE_MAX, &table, &error));
    const flymq_record *hole[] = {records[0], NULL};
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT,
          flymq_client_produce_batch(world.client, "many", hole, 2, &table, &error));
    OK(flymq_client_produce_batch(world.client, "many", records, 0, &table, &error));
    CHECK(flymq_table_rows(table) == 0);
    flymq_table_free(table);
    for (size_t i = 0; i < COUNT; i++) {
        flymq_record_free((flymq_record *)records[i]);
    }
}

int main(void) {
    version();
    configuration();
    World w = world();
    produce_and_read(w);
    whole_records(w);
    many_at_once(w);
    strings(w);
    topics(w);
    errors(w);
    hostile_arguments(w);
    about_the_broker(w);
    closing(w);
    end(w);
    return 0;
}
