/* Producers and event queues: deliveries polled and called back, descriptors, wake-ups, back-pressure. */
#include "check.h"
#include <poll.h>
#include <pthread.h>

enum { RECORDS = 2000 };

static bool readable(int fd) {
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    return poll(&waiting, 1, 0) == 1;
}

static void events_are_polled(World world) {
    create(world, "polled", 3);
    flymq_queue *queue;
    OK(flymq_queue_new(&queue, &error));
    flymq_config *options = config(FLYMQ_CONFIG_PRODUCER, "linger_ms", "1");
    flymq_producer *producer;
    OK(flymq_producer_new(world.client, options, queue, &producer, &error));
    flymq_config_free(options);
    for (uintptr_t i = 0; i < RECORDS; i++) {
        OK(flymq_producer_send(producer, "polled", &i, sizeof i, "x", 1, (void *)(i + 1), &error));
    }
    static bool seen[RECORDS];
    size_t count = 0;
    while (count < RECORDS) {
        flymq_events *events;
        OK(flymq_poll(queue, 100, DEADLINE_MS, &events, &error));
        CHECK(flymq_events_count(events) > 0 && flymq_events_count(events) <= 100);
        for (size_t i = 0; i < flymq_events_count(events); i++) {
            const flymq_event *event = flymq_events_get(events, i);
            CHECK(flymq_event_type(event) == FLYMQ_EVENT_DELIVERY);
            CHECK(flymq_event_code(event) == FLYMQ_OK && flymq_event_error(event) == NULL);
            CHECK(strcmp(flymq_event_topic(event), "polled") == 0);
            CHECK(flymq_event_timestamp(event) > 0 && flymq_event_partition(event) < 3);
            CHECK(flymq_event_batch(event) == NULL && flymq_event_partitions(event) == NULL);
            uintptr_t tag = (uintptr_t)flymq_event_tag(event) - 1;
            CHECK(tag < RECORDS && !seen[tag]);
            seen[tag] = true;
            /* The event tells where the record is. */
            if (tag % 500 == 0) {
                flymq_batch *batch;
                OK(flymq_client_consume(world.client, "polled", flymq_event_partition(event),
                                        flymq_event_offset(event), &batch, &error));
                size_t len;
                const void *key = flymq_message_key(flymq_batch_message(batch, 0), &len);
                CHECK(len == sizeof tag && memcmp(key, &tag, sizeof tag) == 0);
                flymq_batch_free(batch);
            }
        }
        CHECK(flymq_events_get(events, flymq_events_count(events)) == NULL);
        count += flymq_events_count(events);
        flymq_events_free(events);
    }
    flymq_events *events;
    OK(flymq_poll(queue, 1, 0, &events, &error));
    CHECK(events == NULL);

    FAILS(FLYMQ_ERROR_UNKNOWN_TOPIC,
          flymq_producer_send(producer, "nowhere", NULL, 0, "x", 1, NULL, &error));
    OK(flymq_producer_close(producer, DEADLINE_MS, &error));
    OK(flymq_producer_close(producer, DEADLINE_MS, &error));
    FAILS(FLYMQ_ERROR_CLOSED, flymq_producer_send(producer, "polled", NULL, 0, "x", 1, NULL, &error));
    flymq_producer_free(producer);
    flymq_queue_free(queue);
}

static void a_descriptor_tells(World world) {
    create(world, "told", 1);
    flymq_queue *queue;
    OK(flymq_queue_new(&queue, &error));
    int fd;
    OK(flymq_queue_fd(queue, &fd, &error));
    CHECK(!readable(fd));
    flymq_producer *producer;
    OK(flymq_producer_new(world.client, NULL, queue, &producer, &error));
    OK(flymq_producer_send(producer, "told", NULL, 0, "a", 1, NULL, &error));
    OK(flymq_producer_send(producer, "told", NULL, 0, "b", 1, NULL, &error));
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    flymq_events *events;
    for (int left = 2; left > 0; left--) {
        CHECK(poll(&waiting, 1, DEADLINE_MS) == 1);
        OK(flymq_poll(queue, 1, 0, &events, &error));
        CHECK(flymq_events_count(events) == 1);
        flymq_events_free(events);
    }
    CHECK(!readable(fd));
    /* Woken, it returns nothing, once. */
    OK(flymq_wake(queue, &error));
    CHECK(readable(fd));
    OK(flymq_poll(queue, 1, -1, &events, &error));
    CHECK(events == NULL && !readable(fd));
    OK(flymq_queue_close(queue, &error));
    CHECK(readable(fd));
    FAILS(FLYMQ_ERROR_CLOSED, flymq_poll(queue, 1, -1, &events, &error));
    /* A producer whose queue is closed goes on. */
    OK(flymq_producer_send(producer, "told", NULL, 0, "c", 1, NULL, &error));
    OK(flymq_producer_flush(producer, DEADLINE_MS, &error));
    flymq_queue_free(queue);
    OK(flymq_producer_close(producer, DEADLINE_MS, &error));
    flymq_producer_free(producer);
}

static void *wake_later(void *queue) {
    OK(flymq_wake(queue, &error));
    return NULL;
}

static void *close_later(void *queue) {
    OK(flymq_queue_close(queue, &error));
    return NULL;
}

static void others_end_a_wait(void) {
    flymq_queue *queue;
    OK(flymq_queue_new(&queue, &error));
    flymq_events *events;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, wake_later, queue) == 0);
    OK(flymq_poll(queue, 1, -1, &events, &error));
    CHECK(events == NULL && pthread_join(thread, NULL) == 0);
    int fd;
    OK(flymq_queue_fd(queue, &fd, &error));
    CHECK(pthread_create(&thread, NULL, close_later, queue) == 0);
    FAILS(FLYMQ_ERROR_CLOSED, flymq_poll(queue, 1, -1, &events, &error));
    /* Whoever waits for the descriptor learns of it too: that stays until the queue is freed. */
    CHECK(readable(fd));
    CHECK(pthread_join(thread, NULL) == 0);
    flymq_queue_free(queue);
}

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t delivered, dropped, failed;
    flymq_producer *again;
} Counts;

static void count(void *context, const flymq_event *event) {
    Counts *counts = context;
    pthread_mutex_lock(&counts->lock);
    counts->delivered++;
    counts->failed += flymq_event_code(event) != FLYMQ_OK;
    flymq_producer *again = counts->again;
    counts->again = NULL;
    pthread_cond_broadcast(&counts->changed);
    pthread_mutex_unlock(&counts->lock);
    /* A callback may call the library. */
    if (again != NULL) {
        OK(flymq_producer_send(again, "called", NULL, 0, "more", 4, NULL, &error));
    }
}

static void dropped(void *context) {
    Counts *counts = context;
    pthread_mutex_lock(&counts->lock);
    counts->dropped++;
    pthread_mutex_unlock(&counts->lock);
}

static void events_are_called_back(World world) {
    create(world, "called", 2);
    Counts counts = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    flymq_queue *queue;
    OK(flymq_queue_new(&queue, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_queue_serve(queue, NULL, &counts, dropped, &error));
    CHECK(counts.dropped == 0);
    OK(flymq_queue_serve(queue, count, &counts, dropped, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_queue_serve(queue, count, &counts, NULL, &error));
    flymq_events *events;
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_poll(queue, 1, 0, &events, &error));
    flymq_producer *producer;
    OK(flymq_producer_new(world.client, NULL, queue, &producer, &error));
    pthread_mutex_lock(&counts.lock);
    counts.again = producer;
    pthread_mutex_unlock(&counts.lock);
    for (int i = 0; i < RECORDS; i++) {
        OK(flymq_producer_send(producer, "called", NULL, 0, "x", 1, NULL, &error));
    }
    pthread_mutex_lock(&counts.lock);
    while (counts.delivered < RECORDS + 1) {
        pthread_cond_wait(&counts.changed, &counts.lock);
    }
    pthread_mutex_unlock(&counts.lock);
    OK(flymq_producer_close(producer, DEADLINE_MS, &error));
    flymq_producer_free(producer);
    flymq_queue_free(queue);
    CHECK(counts.delivered == RECORDS + 1 && counts.failed == 0 && counts.dropped == 1);
}

static void a_full_buffer_is_said_or_waited_for(World world) {
    create(world, "full", 1);
    flymq_config *options = config(FLYMQ_CONFIG_PRODUCER, "buffer_bytes", "70000");
    OK(flymq_config_set(options, "batch_bytes", "60000", &error));
    OK(flymq_config_set(options, "linger_ms", "60000", &error));
    flymq_producer *producer;
    OK(flymq_producer_new(world.client, options, NULL, &producer, &error));
    flymq_config_free(options);
    static char value[30000];
    FAILS(FLYMQ_ERROR_UNKNOWN_TOPIC, flymq_producer_prepare(producer, "nowhere", &error));
    OK(flymq_producer_prepare(producer, "full", &error));
    flymq_record *record;
    OK(flymq_record_new(NULL, 0, value, sizeof value, &record, &error));
    OK(flymq_producer_try_send_record(producer, "full", record, NULL, &error));
    flymq_record_free(record);
    /* With the first one lingering, a third one at the latest finds no room; a send waits for it. */
    int32_t code = FLYMQ_OK;
    for (int i = 0; i < 1000 && code == FLYMQ_OK; i++) {
        code = flymq_producer_try_send(producer, "full", NULL, 0, value, sizeof value, NULL, NULL);
    }
    CHECK(code == FLYMQ_ERROR_BUFFER_FULL);
    for (int i = 0; i < 20; i++) {
        OK(flymq_producer_send(producer, "full", NULL, 0, value, sizeof value, NULL, &error));
    }
    OK(flymq_producer_flush(producer, DEADLINE_MS, &error));
    OK(flymq_producer_close(producer, DEADLINE_MS, &error));
    flymq_producer_free(producer);
}

static void each_record_has_its_event(World world) {
    /* Also those that are given up because everything is freed under them. */
    create(world, "given-up", 1);
    flymq_queue *queue;
    OK(flymq_queue_new(&queue, &error));
    flymq_client *client;
    OK(flymq_client_connect(flymq_broker_address(world.broker), NULL, &client, &error));
    flymq_config *options = config(FLYMQ_CONFIG_PRODUCER, "linger_ms", "60000");
    flymq_producer *producer;
    OK(flymq_producer_new(client, options, queue, &producer, &error));
    flymq_config_free(options);
    for (int i = 0; i < 10; i++) {
        OK(flymq_producer_send(producer, "given-up", NULL, 0, "x", 1, NULL, &error));
    }
    flymq_producer_close(producer, 0, NULL);
    flymq_producer_free(producer);
    flymq_client_free(client);
    for (int left = 10; left > 0;) {
        flymq_events *events;
        OK(flymq_poll(queue, 100, DEADLINE_MS, &events, &error));
        CHECK(events != NULL);
        left -= (int)flymq_events_count(events);
        CHECK(left >= 0);
        flymq_events_free(events);
    }
    flymq_queue_free(queue);
}

static bool any_log(flymq_queue *queue, int32_t level) {
    flymq_events *events;
    OK(flymq_poll(queue, 1000, 0, &events, &error));
    bool found = false;
    for (size_t i = 0; i < flymq_events_count(events); i++) {
        const flymq_event *event = flymq_events_get(events, i);
        CHECK(flymq_event_type(event) == FLYMQ_EVENT_LOG);
        CHECK(strlen(flymq_event_log(event)) > 0);
        CHECK(flymq_event_log_level(event) >= FLYMQ_LOG_ERROR && flymq_event_log_level(event) <= level);
        found = true;
    }
    flymq_events_free(events);
    return found;
}

static void the_log_is_events_too(World world) {
    flymq_queue *queue;
    OK(flymq_queue_new(&queue, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_log_to(queue, 0, &error));
    OK(flymq_log_to(queue, FLYMQ_LOG_TRACE, &error));
    flymq_client *client;
    OK(flymq_client_connect(flymq_broker_address(world.broker), NULL, &client, &error));
    OK(flymq_client_close(client, DEADLINE_MS, &error));
    flymq_client_free(client);
    CHECK(any_log(queue, FLYMQ_LOG_TRACE));
    OK(flymq_log_to(NULL, 0, &error));
    any_log(queue, FLYMQ_LOG_TRACE);
    OK(flymq_client_connect(flymq_broker_address(world.broker), NULL, &client, &error));
    flymq_client_free(client);
    CHECK(!any_log(queue, FLYMQ_LOG_TRACE));
    flymq_queue_free(queue);
}

int main(void) {
    World w = world();
    events_are_polled(w);
    a_descriptor_tells(w);
    others_end_a_wait();
    events_are_called_back(w);
    a_full_buffer_is_said_or_waited_for(w);
    each_record_has_its_event(w);
    the_log_is_events_too(w);
    end(w);
    return 0;
}
