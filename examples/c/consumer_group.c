/* Share a topic's partitions with the other members of a group, and commit what was processed. */
#include "example.h"

static void on_rebalance(void *context, const flymq_event *event) {
    (void)context;
    int32_t type = flymq_event_type(event);
    printf("%zu partitions %s\n", flymq_table_rows(flymq_event_partitions(event)),
           type == FLYMQ_EVENT_ASSIGNED  ? "to read from now on"
           : type == FLYMQ_EVENT_REVOKED ? "to give up"
                                         : "lost to others");
}

int main(int argc, char **argv) {
    flymq_client *client = connect_client(argc, argv, NULL);
    create_topic(client, "orders", 3);
    for (int i = 0; i < 9; i++) {
        MUST(flymq_client_produce(client, "orders", NULL, 0, "an order", 8, NULL, NULL, &error));
    }

    flymq_config *config;
    MUST(flymq_config_new(FLYMQ_CONFIG_CONSUMER, &config, &error));
    MUST(flymq_config_set(config, "group", "billing", &error));
    MUST(flymq_config_set(config, "auto_commit_interval_ms", "0", &error));
    flymq_consumer *consumer;
    MUST(flymq_consumer_new(client, config, NULL, NULL, &consumer, &error));
    flymq_config_free(config);
    MUST(flymq_consumer_on_rebalance(consumer, on_rebalance, NULL, NULL, &error));
    const char *topics[] = {"orders"};
    MUST(flymq_consumer_subscribe(consumer, topics, 1, &error));

    for (size_t read = 0; read < 9;) {
        flymq_batch *batch;
        MUST(flymq_consumer_poll(consumer, 500, 1000, &batch, &error));
        for (size_t i = 0; i < flymq_batch_count(batch); i++) {
            print(flymq_batch_message(batch, i));
        }
        read += flymq_batch_count(batch);
        flymq_batch_free(batch);
        MUST(flymq_consumer_commit(consumer, &error));
    }
    MUST(flymq_consumer_close(consumer, 10000, &error));
    flymq_consumer_free(consumer);
    disconnect(client);
    return 0;
}
