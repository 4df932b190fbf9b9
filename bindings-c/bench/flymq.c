/* Produces or consumes so many records through libflymq, and prints how many a second.
 * With latency, one record after the other, and also p50 and p99 in microseconds.
 * flymq produce|consume|latency ADDRESS TOPIC COUNT SIZE */
#include <flymq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MUST(call)                                                    \
    do {                                                              \
        flymq_error *error;                                           \
        if ((call) != FLYMQ_OK) {                                     \
            fprintf(stderr, "%s\n", flymq_error_message(error));      \
            exit(1);                                                  \
        }                                                             \
    } while (0)

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

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

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void latency(flymq_client *client, const char *topic, size_t count, size_t size,
                    double *times) {
    char *value = calloc(1, size);
    for (size_t i = 0; i < count; i++) {
        memcpy(value, &i, sizeof i);
        double began = now();
        MUST(flymq_client_produce(client, topic, NULL, 0, value, size, NULL, NULL, &error));
        times[i] = (now() - began) * 1e6;
    }
    free(value);
}

int main(int argc, char **argv) {
    if (argc != 6) {
        return 2;
    }
    size_t count = strtoul(argv[4], NULL, 10);
    flymq_client *client;
    MUST(flymq_client_connect(argv[2], NULL, &client, &error));
    size_t size = strtoul(argv[5], NULL, 10);
    double *times = NULL;
    double began = now();
    if (strcmp(argv[1], "produce") == 0) {
        produce(client, argv[3], count, size);
    } else if (strcmp(argv[1], "latency") == 0) {
        times = calloc(count, sizeof *times);
        latency(client, argv[3], count, size, times);
    } else {
        consume(client, argv[3], count);
    }
    printf("%.0f", (double)count / (now() - began));
    if (times != NULL) {
        qsort(times, count, sizeof *times, compare);
        printf(" %.1f %.1f", times[count / 2], times[count * 99 / 100]);
        free(times);
    }
    printf("\n");
    flymq_client_free(client);
    return 0;
}
