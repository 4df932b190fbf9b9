/* Read and write from an event loop of one's own: a descriptor is readable while there are events. */
#include "example.h"
#include <poll.h>

enum { RECORDS = 20 };

int main(int argc, char **argv) {
    flymq_client *client = connect_client(argc, argv, NULL);
    create_topic(client, "loop", 1);
    flymq_queue *queue;
    MUST(flymq_queue_new(&queue, &error));
    flymq_producer *producer;
    MUST(flymq_producer_new(client, NULL, queue, &producer, &error));
    flymq_consumer *consumer;
    MUST(flymq_consumer_new(client, NULL, queue, NULL, &consumer, &error));
    flymq_partitions *partitions;
    MUST(flymq_partitions_new(&partitions, &error));
    MUST(flymq_partitions_add(partitions, "loop", 0, FLYMQ_START_LATEST, 0, &error));
    MUST(flymq_consumer_assign(consumer, partitions, &error));
    flymq_partitions_free(partitions);
    MUST(flymq_consumer_start(consumer, 500, &error));
    for (int i = 0; i < RECORDS; i++) {
        MUST(flymq_producer_send(producer, "loop", NULL, 0, "tick", 4, NULL, &error));
    }

    struct pollfd waiting = {.events = POLLIN};
    MUST(flymq_queue_fd(queue, &waiting.fd, &error));
    size_t stored = 0, read = 0;
    while (stored < RECORDS || read < RECORDS) {
        if (poll(&waiting, 1, 10000) != 1) {
            return 1;
        }
        flymq_events *events;
        MUST(flymq_poll(queue, 100, 0, &events, &error));
        for (size_t i = 0; i < flymq_events_count(events); i++) {
            const flymq_event *event = flymq_events_get(events, i);
            stored += flymq_event_type(event) == FLYMQ_EVENT_DELIVERY;
            read += flymq_batch_count(flymq_event_batch(event));
        }
        /* Says that what the consumer brought is processed; it then brings more. */
        flymq_events_free(events);
    }
    printf("%zu stored, %zu read\n", stored, read);

    MUST(flymq_consumer_close(consumer, 10000, &error));
    flymq_consumer_free(consumer);
    MUST(flymq_producer_close(producer, 10000, &error));
    flymq_producer_free(producer);
    flymq_queue_free(queue);
    disconnect(client);
    return 0;
}
