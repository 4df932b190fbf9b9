/* Topics and their options, groups and their lag, metrics; and the options there are. */
#include "example.h"

static int64_t number(const flymq_table *table, size_t row, const char *column) {
    int64_t number;
    MUST(flymq_table_number(table, row, column, &number, &error));
    return number;
}

int main(int argc, char **argv) {
    flymq_client *client = connect_client(argc, argv, NULL);
    const char *names[] = {"retention_ms"}, *values[] = {"3600000"};
    MUST(flymq_client_create_topic_with(client, "logs", 2, 0, names, values, 1, true, NULL, &error));
    MUST(flymq_client_produce(client, "logs", NULL, 0, "a line", 6, NULL, NULL, &error));
    flymq_table *table;
    MUST(flymq_client_describe_topic(client, "logs", &table, &error));
    for (size_t row = 0; row < flymq_table_rows(table); row++) {
        printf("partition %lld: offsets %lld to %lld\n", (long long)number(table, row, "partition"),
               (long long)number(table, row, "earliest"), (long long)number(table, row, "latest"));
    }
    flymq_table_free(table);

    MUST(flymq_client_reset_group_offsets(client, "readers", "logs", FLYMQ_START_EARLIEST, 0, &error));
    MUST(flymq_client_group_lag(client, "readers", &table, &error));
    for (size_t row = 0; row < flymq_table_rows(table); row++) {
        printf("readers lag by %lld in partition %lld\n", (long long)number(table, row, "lag"),
               (long long)number(table, row, "partition"));
    }
    flymq_table_free(table);

    MUST(flymq_client_metrics(client, &table, &error));
    for (size_t row = 0; row < flymq_table_rows(table); row++) {
        printf("%s %lld\n", flymq_table_text(table, row, "name"), (long long)number(table, row, "value"));
    }
    flymq_table_free(table);

    for (size_t i = 0; i < flymq_config_option_count(FLYMQ_CONFIG_CLIENT); i++) {
        const char *name, *value, *doc;
        MUST(flymq_config_option(FLYMQ_CONFIG_CLIENT, i, &name, &value, &doc, NULL, &error));
        printf("%s=%s  %s\n", name, value, doc);
    }
    disconnect(client);
    return 0;
}
