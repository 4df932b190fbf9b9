/* Consumers: assigned by hand, in a group, polled, and started on a queue. */
#include "check.h"
#include <pthread.h>

static flymq_partitions *place(const char *topic, uint32_t partition, int32_t start, int64_t offset) {
    flymq_partitions *places;
    OK(flymq_partitions_new(&places, &error));
    OK(flymq_partitions_add(places, topic, partition, start, offset, &error));
    return places;
}

static void fill(World world, const char *topic, int count) {
    for (int i = 0; i < count; i++) {
        char value[16];
        int len = snprintf(value, sizeof value, "%d", i);
        OK(flymq_client_produce(world.client, topic, NULL, 0, value, (size_t)len, NULL, NULL, &error));
    }
}

/* Polls until there is a record; the batch begins with this value. */
static flymq_batch *next(flymq_consumer *consumer, const char *value) {
    flymq_batch *batch;
    OK(flymq_consumer_poll(consumer, 1, DEADLINE_MS, &batch, &error));
    CHECK(flymq_batch_count(batch) == 1);
    CHECK(has_value(flymq_batch_message(batch, 0), value));
    return batch;
}

static void by_hand(World world) {
    create(world, "hand", 1);
    fill(world, "hand", 5);
    flymq_consumer *reader = consumer(world, NULL, NULL);
    flymq_partitions *places = place("hand", 0, FLYMQ_START_OFFSET, 2);
    OK(flymq_consumer_assign(reader, places, &error));
    OK(flymq_partitions_add(places, "hand", 0, FLYMQ_START_EARLIEST, 0, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_consumer_assign(reader, places, &error));
    flymq_partitions_free(places);
    places = place("nowhere", 0, FLYMQ_START_EARLIEST, 0);
    FAILS(FLYMQ_ERROR_UNKNOWN_TOPIC, flymq_consumer_assign(reader, places, &error));
    flymq_partitions_free(places);
    places = place("hand", 0, FLYMQ_START_OFFSET, -1);
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_consumer_assign(reader, places, &error));
    flymq_partitions_free(places);
    flymq_table *table;
    OK(flymq_consumer_assignment(reader, &table, &error));
    CHECK(flymq_table_rows(table) == 1 && number(table, 0, "partition") == 0);
    flymq_table_free(table);

    flymq_batch_free(next(reader, "2"));
    uint64_t position;
    OK(flymq_consumer_position(reader, "hand", 0, &position, &error));
    CHECK(position == 3);
    int64_t lag;
    OK(flymq_consumer_lag(reader, "hand", 0, &lag, &error));
    CHECK(lag == 2);
    OK(flymq_consumer_seek(reader, "hand", 0, FLYMQ_START_EARLIEST, 0, &error));
    flymq_batch_free(next(reader, "0"));
    OK(flymq_consumer_seek(reader, "hand", 0, FLYMQ_START_OFFSET, 4, &error));
    OK(flymq_consumer_pause(reader, "hand", 0, &error));
    flymq_batch *batch;
    OK(flymq_consumer_poll(reader, 1, 50, &batch, &error));
    CHECK(batch == NULL);
    OK(flymq_consumer_resume(reader, "hand", 0, &error));
    batch = next(reader, "4");
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_consumer_pause(reader, "hand", 9, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_consumer_commit(reader, &error));
    const char *topics[] = {"hand"};
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_consumer_subscribe(reader, topics, 1, &error));
    close_consumer(reader);
    /* A batch outlives its consumer. */
    CHECK(has_value(flymq_batch_message(batch, 0), "4"));
    flymq_batch_free(batch);
}

typedef struct {
    flymq_consumer *consumer;
    int assigned, revoked, dropped;
    bool commits;
} Listening;

static void listen(void *context, const flymq_event *event) {
    Listening *listening = context;
    const flymq_table *partitions = flymq_event_partitions(event);
    int rows = (int)flymq_table_rows(partitions);
    CHECK(rows > 0 && strcmp(flymq_table_text(partitions, 0, "topic"), "shared") == 0);
    if (flymq_event_type(event) == FLYMQ_EVENT_ASSIGNED) {
        listening->assigned += rows;
        flymq_batch *batch;
        FAILS(FLYMQ_ERROR_INVALID_ARGUMENT,
              flymq_consumer_poll(listening->consumer, 1, 0, &batch, &error));
    } else {
        CHECK(flymq_event_type(event) == FLYMQ_EVENT_REVOKED);
        listening->revoked += rows;
        /* While partitions are given up, they may still be committed. */
        if (listening->commits) {
            OK(flymq_consumer_commit(listening->consumer, &error));
        }
    }
}

static void forgotten(void *context) {
    ((Listening *)context)->dropped++;
}

static void in_a_group(World world) {
    create(world, "shared", 1);
    fill(world, "shared", 4);
    flymq_queue *queue;
    OK(flymq_queue_new(&queue, &error));
    flymq_consumer *member = consumer(world, "readers", queue);
    Listening listening = {.consumer = member, .commits = true};
    OK(flymq_consumer_on_rebalance(member, listen, &listening, forgotten, &error));
    const char *topics[] = {"shared"};
    OK(flymq_consumer_subscribe(member, topics, 1, &error));
    flymq_partitions *places = place("shared", 0, FLYMQ_START_EARLIEST, 0);
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_consumer_assign(member, places, &error));
    flymq_partitions_free(places);

    flymq_batch *batch = next(member, "0");
    CHECK(listening.assigned == 1);
    OK(flymq_consumer_commit_message(member, flymq_batch_message(batch, 0), &error));
    flymq_batch_free(batch);
    flymq_table *table;
    OK(flymq_consumer_committed(member, NULL, &table, &error));
    CHECK(flymq_table_rows(table) == 1 && number(table, 0, "offset") == 0);
    flymq_table_free(table);

    /* Committed in the background: its event comes once. */
    flymq_batch_free(next(member, "1"));
    OK(flymq_consumer_commit_async(member, &listening, &error));
    flymq_events *events;
    OK(flymq_poll(queue, 10, DEADLINE_MS, &events, &error));
    CHECK(flymq_events_count(events) == 1);
    const flymq_event *event = flymq_events_get(events, 0);
    CHECK(flymq_event_type(event) == FLYMQ_EVENT_COMMIT && flymq_event_code(event) == FLYMQ_OK);
    CHECK(flymq_event_tag(event) == &listening);
    flymq_events_free(events);

    places = place("shared", 0, FLYMQ_START_OFFSET, 0);
    OK(flymq_consumer_commit_offsets_async(member, places, &places, &error));
    OK(flymq_poll(queue, 10, DEADLINE_MS, &events, &error));
    CHECK(flymq_event_code(flymq_events_get(events, 0)) == FLYMQ_OK);
    CHECK(flymq_event_tag(flymq_events_get(events, 0)) == &places);
    flymq_events_free(events);
    OK(flymq_consumer_commit_offsets(member, places, &error));
    OK(flymq_consumer_committed(member, places, &table, &error));
    CHECK(number(table, 0, "offset") == 0);
    flymq_table_free(table);
    flymq_partitions_free(places);
    OK(flymq_consumer_rewind(member, &error));
    flymq_batch_free(next(member, "1"));

    /* From outside. */
    OK(flymq_client_list_groups(world.client, &table, &error));
    CHECK(flymq_table_rows(table) == 1 && number(table, 0, "members") == 1);
    flymq_table_free(table);
    OK(flymq_client_describe_group(world.client, "readers", &table, &error));
    CHECK(strcmp(flymq_table_text(table, 0, "state"), "stable") == 0);
    flymq_table_free(table);
    OK(flymq_client_group_members(world.client, "readers", &table, &error));
    CHECK(flymq_table_rows(table) == 1 && flymq_table_text(table, 0, "instance_id") == NULL);
    flymq_table_free(table);
    OK(flymq_client_group_assignments(world.client, "readers", &table, &error));
    CHECK(flymq_table_rows(table) == 1 && number(table, 0, "partition") == 0);
    flymq_table_free(table);
    OK(flymq_client_group_lag(world.client, "readers", &table, &error));
    CHECK(number(table, 0, "committed") == 0 && number(table, 0, "lag") == 3);
    flymq_table_free(table);
    FAILS(FLYMQ_ERROR_GROUP_NOT_EMPTY, flymq_client_delete_group(world.client, "readers", &error));

    OK(flymq_consumer_close(member, DEADLINE_MS, &error));
    CHECK(listening.revoked == 1 && listening.dropped == 1);
    OK(flymq_consumer_close(member, DEADLINE_MS, &error));
    FAILS(FLYMQ_ERROR_CLOSED, flymq_consumer_poll(member, 1, 0, &batch, &error));
    flymq_consumer_free(member);
    OK(flymq_client_group_offsets(world.client, "readers", &table, &error));
    CHECK(flymq_table_rows(table) == 1 && number(table, 0, "offset") == 1);
    flymq_table_free(table);
    OK(flymq_client_reset_group_offsets(world.client, "readers", "shared", FLYMQ_START_LATEST, 0, &error));
    OK(flymq_client_delete_group(world.client, "readers", &error));
    FAILS(FLYMQ_ERROR_UNKNOWN_GROUP,
          flymq_client_describe_group(world.client, "readers", &table, &error));
    flymq_queue_free(queue);
}

static void subscriptions_change(World world) {
    create(world, "pattern-1", 1);
    fill(world, "pattern-1", 1);
    flymq_consumer *member = consumer(world, "patterns", NULL);
    OK(flymq_consumer_subscribe_pattern(member, "pattern-.*", &error));
    flymq_batch_free(next(member, "0"));
    OK(flymq_consumer_unsubscribe(member, &error));
    flymq_table *table;
    OK(flymq_consumer_assignment(member, &table, &error));
    CHECK(flymq_table_rows(table) == 0);
    flymq_table_free(table);
    close_consumer(member);
}

static void on_a_queue(World world) {
    create(world, "queued", 1);
    fill(world, "queued", 6);
    flymq_queue *queue;
    OK(flymq_queue_new(&queue, &error));
    flymq_consumer *member = consumer(world, "queued", queue);
    const char *topics[] = {"queued"};
    OK(flymq_consumer_subscribe(member, topics, 1, &error));
    OK(flymq_consumer_start(member, 2, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_consumer_start(member, 2, &error));
    flymq_batch *polled;
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_consumer_poll(member, 1, 0, &polled, &error));
    size_t seen = 0;
    bool assigned = false;
    while (seen < 6) {
        flymq_events *events;
        OK(flymq_poll(queue, 10, DEADLINE_MS, &events, &error));
        /* The next one comes when this one is freed. */
        CHECK(flymq_events_count(events) == 1);
        const flymq_event *event = flymq_events_get(events, 0);
        if (flymq_event_type(event) == FLYMQ_EVENT_ASSIGNED) {
            assigned = true;
        } else {
            CHECK(assigned && flymq_event_type(event) == FLYMQ_EVENT_RECORDS);
            const flymq_batch *batch = flymq_event_batch(event);
            CHECK(flymq_batch_count(batch) <= 2);
            seen += flymq_batch_count(batch);
            flymq_events *none;
            OK(flymq_poll(queue, 10, 0, &none, &error));
            CHECK(none == NULL);
            /* Others may use the consumer meanwhile. */
            uint64_t position;
            OK(flymq_consumer_position(member, "queued", 0, &position, &error));
            CHECK(position == seen);
        }
        flymq_events_free(events);
    }
    close_consumer(member);
    flymq_queue_free(queue);
}

static void *close_consumer_later(void *consumer) {
    OK(flymq_consumer_close(consumer, DEADLINE_MS, &error));
    return NULL;
}

static void *close_client_later(void *client) {
    OK(flymq_client_close(client, DEADLINE_MS, &error));
    return NULL;
}

static void others_end_a_wait(World world) {
    flymq_consumer *reader = consumer(world, NULL, NULL);
    pthread_t thread;
    flymq_batch *batch;
    CHECK(pthread_create(&thread, NULL, close_consumer_later, reader) == 0);
    FAILS(FLYMQ_ERROR_CLOSED, flymq_consumer_poll(reader, 1, -1, &batch, &error));
    CHECK(pthread_join(thread, NULL) == 0);
    flymq_consumer_free(reader);

    World other = world;
    OK(flymq_client_connect(flymq_broker_address(world.broker), NULL, &other.client, &error));
    reader = consumer(other, NULL, NULL);
    CHECK(pthread_create(&thread, NULL, close_client_later, other.client) == 0);
    FAILS(FLYMQ_ERROR_CLOSED, flymq_consumer_poll(reader, 1, -1, &batch, &error));
    CHECK(pthread_join(thread, NULL) == 0);
    flymq_client_free(other.client);
    flymq_consumer_free(reader);
}

int main(void) {
    World w = world();
    by_hand(w);
    in_a_group(w);
    subscriptions_change(w);
    on_a_queue(w);
    others_end_a_wait(w);
    end(w);
    return 0;
}
