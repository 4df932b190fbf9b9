/* Send many records in batches, and poll what became of each. */
#include "example.h"

enum { RECORDS = 10000 };

static size_t take(flymq_queue *queue, int64_t timeout_ms) {
    flymq_events *events;
    MUST(flymq_poll(queue, 1000, timeout_ms, &events, &error));
    size_t count = flymq_events_count(events);
    for (size_t i = 0; i < count; i++) {
        const flymq_event *event = flymq_events_get(events, i);
        if (flymq_event_code(event) != FLYMQ_OK) {
            fprintf(stderr, "record %d: %s\n", (int)(intptr_t)flymq_event_tag(event),
                    flymq_error_message(flymq_event_error(event)));
            exit(1);
        }
    }
    flymq_events_free(events);
    return count;
}

int main(int argc, char **argv) {
    flymq_client *client = connect_client(argc, argv, NULL);
    create_topic(client, "clicks", 3);
    flymq_queue *queue;
    MUST(flymq_queue_new(&queue, &error));
    flymq_config *config;
    MUST(flymq_config_new(FLYMQ_CONFIG_PRODUCER, &config, &error));
    MUST(flymq_config_set(config, "compression", "lz4", &error));
    flymq_producer *producer;
    MUST(flymq_producer_new(client, config, queue, &producer, &error));
    flymq_config_free(config);

    size_t stored = 0;
    for (intptr_t i = 0; i < RECORDS; i++) {
        /* Waits only while the producer's buffer is full. The tag comes back with the event. */
        MUST(flymq_producer_send(producer, "clicks", NULL, 0, "click", 5, (void *)i, &error));
        if (i % 1000 == 0) {
            stored += take(queue, 0);
        }
    }
    while (stored < RECORDS) {
        stored += take(queue, -1);
    }
    printf("%zu records are stored\n", stored);

    MUST(flymq_producer_close(producer, 10000, &error));
    flymq_producer_free(producer);
    flymq_queue_free(queue);
    disconnect(client);
    return 0;
}
