/* What all tests use: checks that end the test with the place and the error, a broker and a client. */
#ifndef CHECK_H
#define CHECK_H

#include <flymq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a test waits for what has to come, in milliseconds. */
#define DEADLINE_MS 60000

#define CHECK(condition)                                                                         \
    do {                                                                                         \
        if (!(condition)) {                                                                      \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                      \
            abort();                                                                             \
        }                                                                                        \
    } while (0)

/* For a call whose last argument is &error: it succeeds. */
#define OK(call)                                                                                 \
    do {                                                                                         \
        flymq_error *error = NULL;                                                               \
        if ((call) != FLYMQ_OK) {                                                                \
            fprintf(stderr, "%s:%d: %s: %s (%s)\n", __FILE__, __LINE__, #call,                   \
                    flymq_error_message(error), flymq_error_name(error));                        \
            abort();                                                                             \
        }                                                                                        \
        CHECK(error == NULL);                                                                    \
    } while (0)

/* For a call whose last argument is &error: it fails with this code. */
#define FAILS(expected, call)                                                                    \
    do {                                                                                         \
        flymq_error *error = NULL;                                                               \
        int32_t code = (call);                                                                   \
        if (code != (expected)) {                                                                \
            fprintf(stderr, "%s:%d: %s: %d (%s)\n", __FILE__, __LINE__, #call, (int)code,        \
                    flymq_error_message(error) ? flymq_error_message(error) : "no error");       \
            abort();                                                                             \
        }                                                                                        \
        CHECK(flymq_error_code(error) == (expected));                                            \
        CHECK(strlen(flymq_error_message(error)) > 0 && strlen(flymq_error_hint(error)) > 0);    \
        CHECK(strlen(flymq_error_name(error)) > 0 && strlen(flymq_error_operation(error)) > 0);  \
        flymq_error_free(error);                                                                 \
    } while (0)

/* A broker, and a client of it. */
typedef struct {
    flymq_broker *broker;
    flymq_client *client;
} World;

static inline flymq_config *config(int32_t kind, const char *name, const char *value) {
    flymq_config *config;
    OK(flymq_config_new(kind, &config, &error));
    if (name != NULL) {
        OK(flymq_config_set(config, name, value, &error));
    }
    return config;
}

static inline World world(void) {
    World world;
    flymq_config *fast = config(FLYMQ_CONFIG_BROKER, "durability", "os");
    OK(flymq_broker_start(fast, &world.broker, &error));
    flymq_config_free(fast);
    OK(flymq_client_connect(flymq_broker_address(world.broker), NULL, &world.client, &error));
    return world;
}

static inline void end(World world) {
    OK(flymq_client_close(world.client, DEADLINE_MS, &error));
    flymq_client_free(world.client);
    OK(flymq_broker_close(world.broker, DEADLINE_MS, &error));
    flymq_broker_free(world.broker);
}

static inline void create(World world, const char *topic, uint32_t partitions) {
    OK(flymq_client_create_topic(world.client, topic, partitions, &error));
}

/* Whether a view of a message holds this text. */
static inline bool holds(const void *data, size_t len, const char *text) {
    return data != NULL && len == strlen(text) && memcmp(data, text, len) == 0;
}

static inline bool has_value(const flymq_message *message, const char *text) {
    size_t len;
    const void *value = flymq_message_value(message, &len);
    return holds(value, len, text);
}

static inline int64_t number(const flymq_table *table, size_t row, const char *column) {
    int64_t number;
    OK(flymq_table_number(table, row, column, &number, &error));
    return number;
}

/* The number in the row of a name; fails if there is none. */
static inline int64_t named(const flymq_table *table, const char *name) {
    for (size_t row = 0; row < flymq_table_rows(table); row++) {
        if (strcmp(flymq_table_text(table, row, "name"), name) == 0) {
            return number(table, row, "value");
        }
    }
    fprintf(stderr, "there is no %s\n", name);
    abort();
}

/* A consumer with an option or two, assigned or not. */
static inline flymq_consumer *consumer(World world, const char *group, flymq_queue *queue) {
    flymq_config *options = config(FLYMQ_CONFIG_CONSUMER, NULL, NULL);
    if (group != NULL) {
        OK(flymq_config_set(options, "group", group, &error));
        OK(flymq_config_set(options, "auto_commit_interval_ms", "0", &error));
    }
    flymq_consumer *made;
    OK(flymq_consumer_new(world.client, options, queue, NULL, &made, &error));
    flymq_config_free(options);
    return made;
}

static inline void close_consumer(flymq_consumer *consumer) {
    OK(flymq_consumer_close(consumer, DEADLINE_MS, &error));
    flymq_consumer_free(consumer);
}

#endif
