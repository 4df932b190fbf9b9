/* What the examples share: errors end the program with what to do about them; the broker is the one whose
 * address is given, or else one inside the program. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <flymq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For a call whose last argument is &error. */
#define MUST(call)                                                                               \
    do {                                                                                         \
        flymq_error *error;                                                                      \
        if ((call) != FLYMQ_OK) {                                                                \
            fprintf(stderr, "%s: %s: %s\n", flymq_error_name(error), flymq_error_message(error), \
                    flymq_error_hint(error));                                                    \
            exit(1);                                                                             \
        }                                                                                        \
    } while (0)

static flymq_broker *embedded;

static inline flymq_client *connect_client(int argc, char **argv, const flymq_config *config) {
    if (argc < 2) {
        MUST(flymq_broker_start(NULL, &embedded, &error));
    }
    const char *address = argc < 2 ? flymq_broker_address(embedded) : argv[1];
    flymq_client *client;
    MUST(flymq_client_connect(address, config, &client, &error));
    return client;
}

static inline void disconnect(flymq_client *client) {
    MUST(flymq_client_close(client, 10000, &error));
    flymq_client_free(client);
    flymq_broker_free(embedded);
}

static inline void create_topic(flymq_client *client, const char *topic, uint32_t partitions) {
    MUST(flymq_client_create_topic_with(client, topic, partitions, 0, NULL, NULL, 0, true, NULL, &error));
}

static inline void print(const flymq_message *message) {
    size_t key_len, len;
    const char *key = flymq_message_key(message, &key_len);
    const char *value = flymq_message_value(message, &len);
    printf("%s/%u/%llu: %.*s = %.*s\n", flymq_message_topic(message), flymq_message_partition(message),
           (unsigned long long)flymq_message_offset(message), (int)key_len, key ? key : "", (int)len,
           value ? value : "");
}

#endif
