/* Many threads, one client: producers, consumers, queues, and a close under all of them. */
#include "check.h"
#include <pthread.h>

enum { THREADS = 8, EACH = 200 };

static World w;
static flymq_producer *producer;

static void *send(void *topic) {
    for (int i = 0; i < EACH; i++) {
        OK(flymq_producer_send(producer, topic, &i, sizeof i, "x", 1, NULL, &error));
        if (i % 50 == 0) {
            OK(flymq_client_produce(w.client, topic, NULL, 0, "y", 1, NULL, NULL, &error));
            flymq_table *table;
            OK(flymq_client_metrics(w.client, &table, &error));
            flymq_table_free(table);
        }
    }
    return NULL;
}

/* Takes its part of the events of a queue that all threads poll. */
static void *poll_events(void *queue) {
    size_t count = 0;
    for (;;) {
        flymq_events *events;
        int32_t code = flymq_poll(queue, 50, -1, &events, NULL);
        if (code == FLYMQ_ERROR_CLOSED) {
            return (void *)count;
        }
        CHECK(code == FLYMQ_OK);
        count += flymq_events_count(events);
        flymq_events_free(events);
    }
}

static void *call_until_closed(void *client) {
    int32_t code;
    do {
        code = flymq_client_produce(client, "busy", NULL, 0, "x", 1, NULL, NULL, NULL);
    } while (code == FLYMQ_OK);
    CHECK(code == FLYMQ_ERROR_CLOSED);
    return NULL;
}

static void *close_it(void *client) {
    OK(flymq_client_close(client, DEADLINE_MS, &error));
    return NULL;
}

static void all_at_once(void) {
    create(w, "all", 4);
    flymq_queue *queue;
    OK(flymq_queue_new(&queue, &error));
    OK(flymq_producer_new(w.client, NULL, queue, &producer, &error));
    pthread_t senders[THREADS], pollers[2];
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&pollers[i], NULL, poll_events, queue) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&senders[i], NULL, send, (void *)"all") == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(senders[i], NULL) == 0);
    }
    OK(flymq_producer_close(producer, DEADLINE_MS, &error));
    flymq_producer_free(producer);
    flymq_table *table;
    OK(flymq_client_describe_topic(w.client, "all", &table, &error));
    int64_t stored = 0;
    for (size_t row = 0; row < flymq_table_rows(table); row++) {
        stored += number(table, row, "latest");
    }
    CHECK(stored == THREADS * (EACH + EACH / 50));
    flymq_table_free(table);
    OK(flymq_queue_close(queue, &error));
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_join(pollers[i], NULL) == 0);
    }
    flymq_queue_free(queue);
}

static void closed_under_calls(void) {
    create(w, "busy", 1);
    flymq_client *client;
    OK(flymq_client_connect(flymq_broker_address(w.broker), NULL, &client, &error));
    pthread_t callers[THREADS], closers[2];
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&callers[i], NULL, call_until_closed, client) == 0);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&closers[i], NULL, close_it, client) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(callers[i], NULL) == 0);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_join(closers[i], NULL) == 0);
    }
    flymq_client_free(client);
}

int main(void) {
    w = world();
    all_at_once();
    closed_under_calls();
    end(w);
    return 0;
}
