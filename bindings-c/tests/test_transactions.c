/* Transactions and what errors say of them. */
#include "check.h"

static size_t committed(World world, const char *topic, int32_t isolation) {
    flymq_batch *batch;
    OK(flymq_client_fetch(world.client, topic, 0, 0, 0, 0, 0, 0, isolation, &batch, &error));
    size_t count = flymq_batch_count(batch);
    flymq_batch_free(batch);
    return count;
}

static void commit_and_abort(World world) {
    flymq_transactional_producer *producer;
    flymq_config *options = config(FLYMQ_CONFIG_TRANSACTIONAL_PRODUCER, "transaction_timeout_ms", "9000");
    OK(flymq_transactional_producer_new(world.client, "bank", options, &producer, &error));
    flymq_config_free(options);
    flymq_transaction *transaction, *another;
    OK(flymq_transactional_producer_begin(producer, &transaction, &error));
    FAILS(FLYMQ_ERROR_INVALID_TXN_STATE, flymq_transactional_producer_begin(producer, &another, &error));
    OK(flymq_transaction_send(transaction, "debits", "a", 1, "-5", 2, &error));
    flymq_record *record;
    OK(flymq_record_new("b", 1, "5", 1, &record, &error));
    OK(flymq_transaction_send_record(transaction, "credits", record, &error));
    uint64_t offset = 9;
    OK(flymq_transaction_produce_record(transaction, "debits", record, NULL, &offset, &error));
    CHECK(offset == 1);
    flymq_record_free(record);
    CHECK(committed(world, "debits", FLYMQ_READ_COMMITTED) == 0);
    OK(flymq_transaction_commit(transaction, &error));
    CHECK(committed(world, "debits", FLYMQ_READ_COMMITTED) == 2);
    CHECK(committed(world, "credits", FLYMQ_READ_COMMITTED) == 1);
    FAILS(FLYMQ_ERROR_INVALID_TXN_STATE, flymq_transaction_commit(transaction, &error));
    flymq_transaction_free(transaction);

    OK(flymq_transactional_producer_begin(producer, &transaction, &error));
    OK(flymq_transaction_send(transaction, "debits", NULL, 0, "-7", 2, &error));
    OK(flymq_transaction_abort(transaction, &error));
    flymq_transaction_free(transaction);
    /* Freed without an end, it is aborted. */
    OK(flymq_transactional_producer_begin(producer, &transaction, &error));
    OK(flymq_transaction_send(transaction, "debits", NULL, 0, "-9", 2, &error));
    flymq_transaction_free(transaction);
    OK(flymq_transactional_producer_close(producer, DEADLINE_MS, &error));
    OK(flymq_transactional_producer_close(producer, DEADLINE_MS, &error));
    flymq_transactional_producer_free(producer);
    CHECK(committed(world, "debits", FLYMQ_READ_COMMITTED) == 2);
}

static void what_errors_say(World world) {
    flymq_transactional_producer *old, *new;
    OK(flymq_transactional_producer_new(world.client, "fenced", NULL, &old, &error));
    flymq_transaction *transaction;
    OK(flymq_transactional_producer_begin(old, &transaction, &error));
    OK(flymq_transaction_send(transaction, "debits", NULL, 0, "x", 1, &error));
    OK(flymq_transactional_producer_new(world.client, "fenced", NULL, &new, &error));
    flymq_error *error;
    CHECK(flymq_transaction_commit(transaction, &error) == FLYMQ_ERROR_PRODUCER_FENCED);
    CHECK(flymq_error_is_fatal(error) && !flymq_error_txn_requires_abort(error));
    flymq_error_free(error);
    flymq_transaction_free(transaction);
    flymq_transactional_producer_close(old, DEADLINE_MS, NULL);
    flymq_transactional_producer_free(old);

    OK(flymq_transactional_producer_close(new, DEADLINE_MS, &error));
    flymq_transactional_producer_free(new);
}

static void offsets_too(World world) {
    create(world, "raw", 1);
    OK(flymq_client_produce(world.client, "raw", NULL, 0, "a", 1, NULL, NULL, &error));
    flymq_consumer *cook = consumer(world, "kitchen", NULL);
    const char *topics[] = {"raw"};
    OK(flymq_consumer_subscribe(cook, topics, 1, &error));
    flymq_batch *batch;
    OK(flymq_consumer_poll(cook, 10, DEADLINE_MS, &batch, &error));
    flymq_batch_free(batch);
    flymq_transaction *transaction;
    OK(flymq_client_begin(world.client, &transaction, &error));
    OK(flymq_transaction_send(transaction, "credits", NULL, 0, "cooked", 6, &error));
    OK(flymq_transaction_send_offsets(transaction, cook, &error));
    OK(flymq_transaction_commit(transaction, &error));
    flymq_transaction_free(transaction);
    flymq_table *table;
    OK(flymq_client_group_offsets(world.client, "kitchen", &table, &error));
    CHECK(flymq_table_rows(table) == 1 && number(table, 0, "offset") == 0);
    flymq_table_free(table);

    /* Offsets that the broker refuses, since the group has members, doom a transaction. */
    flymq_partitions *processed;
    OK(flymq_partitions_new(&processed, &error));
    OK(flymq_partitions_add(processed, "raw", 0, FLYMQ_START_OFFSET, 0, &error));
    OK(flymq_client_begin(world.client, &transaction, &error));
    OK(flymq_transaction_send(transaction, "credits", NULL, 0, "never", 5, &error));
    flymq_error *error;
    CHECK(flymq_transaction_send_group_offsets(transaction, "kitchen", processed, &error) ==
          FLYMQ_ERROR_TXN_ABORTED);
    CHECK(flymq_error_txn_requires_abort(error) && !flymq_error_is_fatal(error));
    flymq_error_free(error);
    FAILS(FLYMQ_ERROR_TXN_ABORTED, flymq_transaction_commit(transaction, &error));
    flymq_transaction_free(transaction);
    close_consumer(cook);

    OK(flymq_client_begin(world.client, &transaction, &error));
    OK(flymq_transaction_send_group_offsets(transaction, "by-hand", processed, &error));
    OK(flymq_transaction_commit(transaction, &error));
    flymq_transaction_free(transaction);
    flymq_partitions_free(processed);
    OK(flymq_client_group_offsets(world.client, "by-hand", &table, &error));
    CHECK(flymq_table_rows(table) == 1);
    flymq_table_free(table);
}

int main(void) {
    World w = world();
    create(w, "debits", 1);
    create(w, "credits", 1);
    commit_and_abort(w);
    what_errors_say(w);
    offsets_too(w);
    end(w);
    return 0;
}
