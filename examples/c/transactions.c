/* Consume, transform and produce exactly once: what is written and what was read are stored together. */
#include "example.h"

enum { RECORDS = 10 };

/* One round: reads some records, and writes their answers. Returns how many. */
static size_t cook(flymq_consumer *consumer, flymq_transactional_producer *producer) {
    flymq_batch *batch;
    MUST(flymq_consumer_poll(consumer, 3, 1000, &batch, &error));
    size_t count = flymq_batch_count(batch);
    if (count == 0) {
        return 0;
    }
    flymq_transaction *transaction;
    MUST(flymq_transactional_producer_begin(producer, &transaction, &error));
    for (size_t i = 0; i < count; i++) {
        size_t len;
        const void *value = flymq_message_value(flymq_batch_message(batch, i), &len);
        MUST(flymq_transaction_send(transaction, "cooked", NULL, 0, value, len, &error));
    }
    flymq_batch_free(batch);
    MUST(flymq_transaction_send_offsets(transaction, consumer, &error));
    flymq_error *error;
    if (flymq_transaction_commit(transaction, &error) != FLYMQ_OK) {
        if (!flymq_error_txn_is_repeatable(error)) {
            fprintf(stderr, "%s\n", flymq_error_message(error));
            exit(1);
        }
        /* Nothing of it is seen: the same records come again. */
        flymq_error_free(error);
        MUST(flymq_consumer_rewind(consumer, &error));
        count = 0;
    }
    flymq_transaction_free(transaction);
    return count;
}

int main(int argc, char **argv) {
    flymq_client *client = connect_client(argc, argv, NULL);
    create_topic(client, "raw", 1);
    create_topic(client, "cooked", 1);
    for (int i = 0; i < RECORDS; i++) {
        MUST(flymq_client_produce(client, "raw", NULL, 0, "potato", 6, NULL, NULL, &error));
    }
    flymq_config *config;
    MUST(flymq_config_new(FLYMQ_CONFIG_CONSUMER, &config, &error));
    MUST(flymq_config_set(config, "group", "kitchen", &error));
    MUST(flymq_config_set(config, "auto_commit_interval_ms", "0", &error));
    flymq_consumer *consumer;
    MUST(flymq_consumer_new(client, config, NULL, NULL, &consumer, &error));
    flymq_config_free(config);
    const char *topics[] = {"raw"};
    MUST(flymq_consumer_subscribe(consumer, topics, 1, &error));
    flymq_transactional_producer *producer;
    MUST(flymq_transactional_producer_new(client, "cook-1", NULL, &producer, &error));

    for (size_t cooked = 0; cooked < RECORDS;) {
        cooked += cook(consumer, producer);
    }
    flymq_batch *batch;
    MUST(flymq_client_fetch(client, "cooked", 0, 0, 0, 0, 0, 0, FLYMQ_READ_COMMITTED, &batch, &error));
    printf("%zu are cooked\n", flymq_batch_count(batch));
    flymq_batch_free(batch);

    MUST(flymq_transactional_producer_close(producer, 10000, &error));
    flymq_transactional_producer_free(producer);
    MUST(flymq_consumer_close(consumer, 10000, &error));
    flymq_consumer_free(consumer);
    disconnect(client);
    return 0;
}
