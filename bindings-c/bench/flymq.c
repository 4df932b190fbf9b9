/* Produces or consumes so many records through libflymq, and prints how many a second; or produces them one
 * after the other, and prints how many microseconds half of them took at most.
 * flymq produce|consume|single ADDRESS TOPIC COUNT SIZE */
#include <flymq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "median.h"

#define MUST(call)                                                    \
    do {                                                              \
        flymq_error *error;                                           \
        if ((call) != FLYMQ_OK) {                                     \
            fprintf(stderr, "%s\n", flymq_error_message(error));      \
            exit(1);                                                  \
        }                                                             \
    } while (0)

static size_t take(flymq_queue *queue, int64_t timeout_ms) {
    flymq_events *events;
    MUST(flymq_poll(queue, 100000, timeout_ms, &events, &error));
    size_t count = flymq_events_count(events);
    for (size_t i = 0; i < count; i++) {
        if (flymq_event_code(flymq_events_get(events, i)) != FLYMQ_OK) {
            exit(1);
        }
    }
    flymq_events_free(events);
    return count;
}

static void produce(flymq_client *client, const char *topic, size_t count, size_t size) {
    flymq_queue *queue;
    MUST(flymq_queue_new(&queue, &error));
    flymq_producer *producer;
    MUST(flymq_producer_new(client, NULL, queue, &producer, &error));
    char *value = calloc(1, size);
    size_t told = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(value, &i, sizeof i);
        MUST(flymq_producer_send(producer, topic, NULL, 0, value, size, (void *)i, &error));
        if (i % 10000 == 0) {
            told += take(queue, 0);
        }
    }
    while (told < count) {
        told += take(queue, -1);
    }
    free(value);
    flymq_producer_free(producer);
    flymq_queue_free(queue);
}

/* With what takes the least time for one record. */
static double single(flymq_client *client, const char *topic, size_t count, size_t size) {
    flymq_queue *queue;
    MUST(flymq_queue_new(&queue, &error));
    flymq_config *config;
    MUST(flymq_config_new(FLYMQ_CONFIG_PRODUCER, &config, &error));
    MUST(flymq_config_set(config, "linger_ms", "0", &error));
    flymq_producer *producer;
    MUST(flymq_producer_new(client, config, queue, &producer, &error));
    flymq_config_free(config);
    char *value = calloc(1, size);
    double *took = calloc(count, sizeof *took);
    for (size_t i = 0; i < count; i++) {
        memcpy(value, &i, sizeof i);
        double began = now();
        MUST(flymq_producer_send(producer, topic, NULL, 0, value, size, NULL, &error));
        while (take(queue, -1) == 0) {
        }
        took[i] = now() - began;
    }
    double half = median(took, count);
    free(took);
    free(value);
    flymq_producer_free(producer);
    flymq_queue_free(queue);
    return half;
}

static void consume(flymq_client *client, const char *topic, size_t count) {
    flymq_consumer *consumer;
    MUST(flymq_consumer_new(client, NULL, NULL, NULL, &consumer, &error));
    flymq_partitions *all;
    MUST(flymq_partitions_new(&all, &error));
    MUST(flymq_partitions_add(all, topic, 0, FLYMQ_START_EARLIEST, 0, &error));
    MUST(flymq_consumer_assign(consumer, all, &error));
    size_t read = 0, bytes = 0;
    while (read < count) {
        flymq_batch *batch;
        MUST(flymq_consumer_poll(consumer, 10000, -1, &batch, &error));
        size_t in_batch = flymq_batch_count(batch);
        for (size_t i = 0; i < in_batch; i++) {
            const flymq_message *message = flymq_batch_message(batch, i);
            size_t len;
            const char *value = flymq_message_value(message, &len);
            bytes += len + (value[0] != 0) + flymq_message_offset(message) % 2;
        }
        read += in_batch;
        flymq_batch_free(batch);
    }
    flymq_partitions_free(all);
    flymq_consumer_free(consumer);
    fprintf(stderr, "%zu\n", bytes);
}

int main(int argc, char **argv) {
    if (argc != 6) {
        return 2;
    }
    size_t count = strtoul(argv[4], NULL, 10);
    flymq_client *client;
    MUST(flymq_client_connect(argv[2], NULL, &client, &error));
    double began = now();
    if (strcmp(argv[1], "single") == 0) {
        printf("%.1f\n", 1e6 * single(client, argv[3], count, strtoul(argv[5], NULL, 10)));
        flymq_client_free(client);
        return 0;
    }
    if (strcmp(argv[1], "produce") == 0) {
        produce(client, argv[3], count, strtoul(argv[5], NULL, 10));
    } else {
        consume(client, argv[3], count);
    }
    printf("%.0f\n", (double)count / (now() - began));
    flymq_client_free(client);
    return 0;
}
