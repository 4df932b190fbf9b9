/* The scenarios of conformance/failover, as scenarios.py writes them. */
#include "serve.h"
#include "steps.h"
#include <arpa/inet.h>
#include <sys/socket.h>

/* Brokers a and b. */
static struct {
    char address[32];
    Served served;
} brokers[2];
/* What was produced, as "value,value". */
static char produced[LINE];
static flymq_client *client;
static char folder[] = "/tmp/flymq-failover-XXXXXX";

static size_t number_of(const char *broker) {
    CHECK(strcmp(broker, "a") == 0 || strcmp(broker, "b") == 0);
    return (size_t)(broker[0] - 'a');
}

/* An address at which nobody listens. */
static void find_vacant(char address[32]) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in bound = {.sin_family = AF_INET};
    bound.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof bound;
    CHECK(bind(s, (struct sockaddr *)&bound, len) == 0);
    CHECK(getsockname(s, (struct sockaddr *)&bound, &len) == 0);
    close(s);
    snprintf(address, 32, "127.0.0.1:%d", ntohs(bound.sin_port));
}

static void begin_scenario(void) {
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    empty_cluster();
    produced[0] = 0;
    find_vacant(brokers[0].address);
    find_vacant(brokers[1].address);
}

static void end_scenario(void) {
    flymq_client_free(client);
    client = NULL;
    for (size_t broker = 0; broker < 2; broker++) {
        if (is_served(&brokers[broker].served)) {
            stop_serving(&brokers[broker].served);
        }
    }
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
}

static flymq_client *alone(size_t broker) {
    flymq_client *alone;
    OK(flymq_client_connect(brokers[broker].address, NULL, &alone, &error));
    return alone;
}

static void start(size_t broker) {
    char data[64];
    snprintf(data, sizeof data, "%s/%zu", folder, broker);
    brokers[broker].served = serve(data, strchr(brokers[broker].address, ':') + 1);
    flymq_client *maker = alone(broker);
    OK(flymq_client_create_topic_with(maker, "t", 1, 0, NULL, NULL, 0, true, NULL, &error));
    flymq_client_free(maker);
}

static int32_t connect_to(const char *list, flymq_error **error) {
    const char *items[ITEMS];
    char addresses[128] = "";
    size_t count = split(list, items);
    for (size_t i = 0; i < count; i++) {
        strcat(strcat(addresses, i > 0 ? "," : ""), brokers[number_of(items[i])].address);
    }
    flymq_config *options = config(FLYMQ_CONFIG_CLIENT, "request_timeout_ms", "3000");
    OK(flymq_config_set(options, "backoff_max_ms", "200", &error));
    int32_t code = flymq_client_connect(addresses, options, &client, error);
    flymq_config_free(options);
    return code;
}

static void check_stored(size_t broker, const char *list) {
    const char *items[ITEMS];
    size_t count = split(list, items);
    flymq_client *reader = alone(broker);
    flymq_batch *batch;
    OK(flymq_client_fetch(reader, "t", 0, 0, 0, 0, 0, 0, FLYMQ_READ_COMMITTED, &batch, &error));
    CHECK(flymq_batch_count(batch) == count);
    for (size_t i = 0; i < count; i++) {
        CHECK(has_value(flymq_batch_message(batch, i), items[i]));
    }
    flymq_batch_free(batch);
    flymq_client_free(reader);
}

static bool works(const char *address) {
    flymq_table *table;
    OK(flymq_client_endpoints(client, &table, &error));
    bool closed = false, found = false;
    for (size_t row = 0; row < flymq_table_rows(table); row++) {
        if (strcmp(flymq_table_text(table, row, "address"), address) == 0) {
            found = true;
            closed = strcmp(flymq_table_text(table, row, "circuit"), "closed") == 0;
            CHECK(closed || flymq_table_text(table, row, "last_error") != NULL);
        }
    }
    flymq_table_free(table);
    CHECK(found);
    return closed;
}

static void wait_for_circuit(const char *address, bool wanted) {
    time_t began = time(NULL);
    while (works(address) != wanted) {
        CHECK(time(NULL) - began < DEADLINE_MS / 1000);
        usleep(1000);
    }
}

static void check_failovers(int64_t count) {
    flymq_table *table;
    OK(flymq_client_metrics(client, &table, &error));
    CHECK(named(table, "failovers") == count);
    flymq_table_free(table);
}

static int32_t step(const char *what, flymq_error **error) {
    const char *broker = find("broker");
    size_t number = broker == NULL ? 0 : number_of(broker);
    if (strcmp(what, "connect") == 0) {
        return connect_to(field("brokers"), error);
    }
    if (strcmp(what, "ping") == 0) {
        return flymq_client_ping(client, NULL, error);
    }
    if (strcmp(what, "produce") == 0) {
        const char *value = field("value");
        strcat(strcat(produced, produced[0] == 0 ? "" : ","), value);
        return flymq_client_produce(client, "t", NULL, 0, value, strlen(value), NULL, NULL, error);
    }
    if (strcmp(what, "start") == 0) {
        start(number);
    } else if (strcmp(what, "stop") == 0) {
        stop_serving(&brokers[number].served);
    } else if (strcmp(what, "stored") == 0) {
        /* Gateways share their records. */
        check_stored(number, cluster() != NULL ? produced : field("values"));
    } else if (strcmp(what, "circuit") == 0) {
        wait_for_circuit(brokers[number].address, field_number("works") == 1);
    } else if (strcmp(what, "failovers") == 0) {
        check_failovers(field_number("count"));
    } else {
        fprintf(stderr, "there is no step %s\n", what);
        abort();
    }
    return FLYMQ_OK;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    FILE *file = fopen(argv[1], "r");
    CHECK(file != NULL);
    static char line[LINE];
    int scenarios = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        read_step(line);
        if (find("scenario") != NULL) {
            if (scenarios++ > 0) {
                end_scenario();
            }
            printf("%s\n", find("scenario"));
            begin_scenario();
            continue;
        }
        flymq_error *failure = NULL;
        int32_t code = step(field("do"), &failure);
        const char *expected = find("error");
        if (expected == NULL) {
            CHECK(code == FLYMQ_OK);
            continue;
        }
        CHECK(code != FLYMQ_OK && strcmp(flymq_error_name(failure), expected) == 0);
        for (size_t broker = 0; broker < 2; broker++) {
            CHECK(strstr(flymq_error_message(failure), brokers[broker].address) != NULL);
        }
        flymq_error_free(failure);
    }
    fclose(file);
    CHECK(scenarios > 0);
    end_scenario();
    printf("%d scenarios\n", scenarios);
    return 0;
}
