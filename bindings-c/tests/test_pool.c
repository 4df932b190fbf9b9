/* Clients that are borrowed from a pool. */
#include "check.h"
#include <pthread.h>

static size_t borrowed(flymq_pool *pool) {
    size_t count;
    OK(flymq_pool_borrowed(pool, &count, &error));
    return count;
}

static flymq_client *get(flymq_pool *pool) {
    flymq_client *client;
    OK(flymq_pool_get(pool, DEADLINE_MS, &client, &error));
    return client;
}

static int64_t opened(flymq_client *client) {
    flymq_table *metrics;
    OK(flymq_client_metrics(client, &metrics, &error));
    int64_t count = named(metrics, "connections_opened");
    flymq_table_free(metrics);
    return count;
}

static void *wait_for_one(void *pool) {
    flymq_client *client;
    OK(flymq_pool_get(pool, -1, &client, &error));
    OK(flymq_client_ping(client, NULL, &error));
    flymq_client_free(client);
    return NULL;
}

static void *wait_in_vain(void *pool) {
    flymq_client *client;
    FAILS(FLYMQ_ERROR_CLOSED, flymq_pool_get(pool, -1, &client, &error));
    return NULL;
}

static void clients_go_back(World world) {
    flymq_pool *pool;
    const char *address = flymq_broker_address(world.broker);
    OK(flymq_pool_new(address, NULL, 2, &pool, &error));
    flymq_client *one = get(pool), *other = get(pool), *third;
    CHECK(one != other && borrowed(pool) == 2);
    FAILS(FLYMQ_ERROR_TIMEOUT, flymq_pool_get(pool, 1, &third, &error));
    CHECK(third == NULL && borrowed(pool) == 2);
    OK(flymq_client_produce(one, "pooled", NULL, 0, "x", 1, NULL, NULL, &error));

    /* Who waits gets what comes back. To close it is to give it back too. */
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, wait_for_one, pool) == 0);
    OK(flymq_client_close(one, DEADLINE_MS, &error));
    FAILS(FLYMQ_ERROR_CLOSED, flymq_client_ping(one, NULL, &error));
    OK(flymq_client_close(one, DEADLINE_MS, &error));
    flymq_client_free(one);
    CHECK(pthread_join(thread, NULL) == 0);
    flymq_client_free(other);
    CHECK(borrowed(pool) == 0);

    /* They are the same ones again, still connected. */
    for (int i = 0; i < 5; i++) {
        one = get(pool), other = get(pool);
        OK(flymq_client_ping(one, NULL, &error));
        OK(flymq_client_ping(other, NULL, &error));
        CHECK(opened(one) == 1 && opened(other) == 1);
        flymq_client_free(one);
        flymq_client_free(other);
    }

    /* A producer keeps its client. */
    one = get(pool);
    flymq_producer *producer;
    OK(flymq_producer_new(one, NULL, NULL, &producer, &error));
    flymq_client_free(one);
    CHECK(borrowed(pool) == 1);
    OK(flymq_producer_send(producer, "pooled", NULL, 0, "x", 1, NULL, &error));
    OK(flymq_producer_close(producer, DEADLINE_MS, &error));
    flymq_producer_free(producer);
    CHECK(borrowed(pool) == 0);
    flymq_pool_free(pool);
}

static void closing(World world) {
    flymq_pool *pool;
    OK(flymq_pool_new(flymq_broker_address(world.broker), NULL, 1, &pool, &error));
    flymq_client *client = get(pool);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, wait_in_vain, pool) == 0);
    OK(flymq_pool_close(pool, DEADLINE_MS, &error));
    OK(flymq_pool_close(pool, DEADLINE_MS, &error));
    CHECK(pthread_join(thread, NULL) == 0);
    flymq_client *none;
    FAILS(FLYMQ_ERROR_CLOSED, flymq_pool_get(pool, 0, &none, &error));
    flymq_pool_free(pool);
    /* What is borrowed can be used to the end. */
    OK(flymq_client_ping(client, NULL, &error));
    flymq_client_free(client);
    /* One that is freed without being closed. */
    OK(flymq_pool_new(flymq_broker_address(world.broker), NULL, 1, &pool, &error));
    flymq_client_free(get(pool));
    flymq_pool_free(pool);
}

static void what_cannot_be(void) {
    flymq_pool *pool;
    flymq_client *client;
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_pool_new("localhost:1", NULL, 0, &pool, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_pool_new("localhost:1", NULL, 10001, &pool, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_pool_new("http://x", NULL, 1, &pool, &error));
    CHECK(pool == NULL);
    flymq_config *hasty = config(FLYMQ_CONFIG_CLIENT, "connect_timeout_ms", "50");
    OK(flymq_pool_new("127.0.0.1:1", hasty, 1, &pool, &error));
    flymq_config_free(hasty);
    for (int i = 0; i < 2; i++) {
        FAILS(FLYMQ_ERROR_CONNECT_FAILED, flymq_pool_get(pool, -1, &client, &error));
        CHECK(borrowed(pool) == 0);
    }
    flymq_pool_free(pool);
}

int main(void) {
    World w = world();
    create(w, "pooled", 1);
    clients_go_back(w);
    closing(w);
    what_cannot_be();
    end(w);
    return 0;
}
