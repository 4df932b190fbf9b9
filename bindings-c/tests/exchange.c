/* Sends records of standard input, or prints those of a topic: see conformance/exchange/README.md. */
#include "check.h"
#include <ctype.h>

/* Longer than any line of records.txt. */
static char line[1 << 16];

/* Bytes of one field, as many as its hex has, or none for "-". Decoded in place. */
typedef struct {
    unsigned char *data;
    size_t len;
} Bytes;

static Bytes decoded(char *text) {
    if (strcmp(text, "-") == 0) {
        return (Bytes){NULL, 0};
    }
    CHECK(text[0] == 'x' && strlen(text) % 2 == 1);
    Bytes bytes = {(unsigned char *)text, strlen(text) / 2};
    for (size_t i = 0; i < bytes.len; i++) {
        char hex[] = {text[2 * i + 1], text[2 * i + 2], 0};
        CHECK(isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]));
        bytes.data[i] = (unsigned char)strtoul(hex, NULL, 16);
    }
    return bytes;
}

static void encoded(const void *data, size_t len) {
    if (data == NULL) {
        putchar('-');
        return;
    }
    putchar('x');
    for (size_t i = 0; i < len; i++) {
        printf("%02x", ((const unsigned char *)data)[i]);
    }
}

/* A record of the line. */
static flymq_record *parsed(void) {
    char *key_field = strtok(line, " \n"), *value_field = strtok(NULL, " \n");
    char *headers = strtok(NULL, " \n"), *timestamp = strtok(NULL, " \n");
    CHECK(timestamp != NULL);
    Bytes key = decoded(key_field), value = decoded(value_field);
    flymq_record *record;
    OK(flymq_record_new(key.data, key.len, value.data, value.len, &record, &error));
    OK(flymq_record_set_partition(record, 0, &error));
    OK(flymq_record_set_timestamp(record, strtoll(timestamp, NULL, 10), &error));
    char *end;
    for (char *field = headers; strcmp(headers, "-") != 0 && field != NULL; field = end) {
        end = strchr(field, ',');
        if (end != NULL) {
            *end++ = 0;
        }
        char *colon = strchr(field, ':');
        CHECK(colon != NULL);
        *colon = 0;
        Bytes name = decoded(field), content = decoded(colon + 1);
        char text[256] = {0};
        CHECK(name.len < sizeof text);
        memcpy(text, name.data, name.len);
        OK(flymq_record_add_header(record, text, content.data, content.len, &error));
    }
    return record;
}

static void write_records(flymq_client *client, const char *topic) {
    flymq_transaction *transaction;
    OK(flymq_client_begin(client, &transaction, &error));
    while (fgets(line, sizeof line, stdin) != NULL) {
        CHECK(strchr(line, '\n') != NULL);
        flymq_record *record = parsed();
        OK(flymq_transaction_send_record(transaction, topic, record, &error));
        flymq_record_free(record);
    }
    OK(flymq_transaction_commit(transaction, &error));
    flymq_transaction_free(transaction);
}

static void print_message(const flymq_message *message) {
    size_t len, name_len;
    const void *data = flymq_message_key(message, &len);
    encoded(data, len);
    putchar(' ');
    data = flymq_message_value(message, &len);
    encoded(data, len);
    putchar(' ');
    size_t headers = flymq_message_header_count(message);
    for (size_t i = 0; i < headers; i++) {
        const char *name;
        OK(flymq_message_header(message, i, &name, &name_len, &data, &len, &error));
        fputs(i == 0 ? "" : ",", stdout);
        encoded(name, name_len);
        putchar(':');
        encoded(data, len);
    }
    printf("%s %lld\n", headers == 0 ? "-" : "", (long long)flymq_message_timestamp(message));
}

static void read_records(flymq_client *client, const char *topic) {
    uint64_t offset = 0;
    for (;;) {
        flymq_batch *batch;
        OK(flymq_client_fetch(client, topic, 0, offset, 0, 0, 0, 0, FLYMQ_READ_COMMITTED, &batch,
                              &error));
        size_t count = flymq_batch_count(batch);
        for (size_t i = 0; i < count; i++) {
            print_message(flymq_batch_message(batch, i));
        }
        if (count == 0) {
            return;
        }
        offset = flymq_message_offset(flymq_batch_message(batch, count - 1)) + 1;
        flymq_batch_free(batch);
    }
}

static void serve(void) {
    flymq_broker *broker;
    OK(flymq_broker_start(NULL, &broker, &error));
    puts(flymq_broker_address(broker));
    fflush(stdout);
    while (getchar() != EOF) {
    }
    flymq_broker_free(broker);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "broker") == 0) {
        serve();
        return 0;
    }
    CHECK(argc == 4);
    flymq_config *options = config(FLYMQ_CONFIG_CLIENT, "encrypt_headers", "true");
    flymq_client *client;
    OK(flymq_client_connect(argv[2], options, &client, &error));
    flymq_config_free(options);
    OK(flymq_client_create_topic_with(client, argv[3], 1, 0, NULL, NULL, 0, true, NULL, &error));
    if (strcmp(argv[1], "write") == 0) {
        write_records(client, argv[3]);
    } else {
        read_records(client, argv[3]);
    }
    OK(flymq_client_close(client, DEADLINE_MS, &error));
    flymq_client_free(client);
    return 0;
}
