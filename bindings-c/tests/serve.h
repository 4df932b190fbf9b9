/* A broker within the process; or, where FLYMQ_TEST_KAFKA names a Kafka cluster, a gateway to that: a process of
 * its own, of the command that FLYMQ_BIN names. */
#ifndef SERVE_H
#define SERVE_H

#include "check.h"
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

typedef struct {
    flymq_broker *broker;
    pid_t gateway;
    char address[64];
} Served;

/* Where gateways lead to; NULL for brokers of their own. */
static inline const char *cluster(void) {
    return getenv("FLYMQ_TEST_KAFKA");
}

/* Ends with the test, also if that fails. `options` ends with NULL, and is NULL for none. */
static inline Served start_gateway(const char *port, const char *const *options) {
    Served served = {0};
    const char *command = getenv("FLYMQ_BIN");
    CHECK(command != NULL);
    char listen[64];
    snprintf(listen, sizeof listen, "127.0.0.1:%s", port);
    char *arguments[32] = {"setpriv", "--pdeathsig", "KILL", (char *)command, "broker", "--engine", "kafka",
                           "--kafka-bootstrap", (char *)cluster(), "--listen", listen};
    for (size_t count = 11; options != NULL && *options != NULL; options++, count++) {
        CHECK(count + 1 < sizeof arguments / sizeof *arguments);
        arguments[count] = (char *)*options;
    }
    int said[2];
    CHECK(pipe(said) == 0);
    posix_spawn_file_actions_t actions;
    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, said[1], STDOUT_FILENO) == 0);
    CHECK(posix_spawn_file_actions_addclose(&actions, said[0]) == 0);
    CHECK(posix_spawnp(&served.gateway, arguments[0], &actions, NULL, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(said[1]);
    FILE *output = fdopen(said[0], "r");
    CHECK(output != NULL && fscanf(output, "listening on %63s", served.address) == 1);
    fclose(output);
    return served;
}

static inline Served start_broker(const flymq_config *options) {
    Served served = {0};
    OK(flymq_broker_start(options, &served.broker, &error));
    snprintf(served.address, sizeof served.address, "%s", flymq_broker_address(served.broker));
    return served;
}

/* A broker with the data of a folder, or of none, or a gateway with those of the cluster. */
static inline Served serve(const char *folder, const char *port) {
    if (cluster() != NULL) {
        return start_gateway(port, NULL);
    }
    flymq_config *options = config(FLYMQ_CONFIG_BROKER, "durability", "os");
    if (folder != NULL) {
        OK(flymq_config_set(options, "data_dir", folder, &error));
    }
    OK(flymq_config_set(options, "port", port, &error));
    Served served = start_broker(options);
    flymq_config_free(options);
    return served;
}

static inline bool is_served(const Served *served) {
    return served->broker != NULL || served->gateway != 0;
}

static inline void stop_serving(Served *served) {
    if (served->gateway != 0) {
        int status;
        CHECK(kill(served->gateway, SIGTERM) == 0);
        CHECK(waitpid(served->gateway, &status, 0) == served->gateway && status == 0);
    } else {
        OK(flymq_broker_close(served->broker, DEADLINE_MS, &error));
        flymq_broker_free(served->broker);
    }
    served->broker = NULL;
    served->gateway = 0;
}

static inline void port_of(const Served *served, char port[16]) {
    snprintf(port, 16, "%s", strrchr(served->address, ':') + 1);
}

/* Makes the cluster, if there is one, what a new folder is. */
static inline void empty_cluster(void) {
    if (cluster() == NULL) {
        return;
    }
    Served gateway = start_gateway("0", NULL);
    flymq_client *client;
    OK(flymq_client_connect(gateway.address, NULL, &client, &error));
    flymq_table *table;
    OK(flymq_client_list_topics(client, &table, &error));
    for (size_t row = 0; row < flymq_table_rows(table); row++) {
        OK(flymq_client_delete_topic(client, flymq_table_text(table, row, "name"), &error));
    }
    flymq_table_free(table);
    OK(flymq_client_list_groups(client, &table, &error));
    for (size_t row = 0; row < flymq_table_rows(table); row++) {
        int32_t code = flymq_client_delete_group(client, flymq_table_text(table, row, "group"), NULL);
        /* Members with an instance id may still be expected back, and Kafka lets go of a group by itself once
         * there are no topics to its offsets. */
        CHECK(code == FLYMQ_OK || code == FLYMQ_ERROR_GROUP_NOT_EMPTY || code == FLYMQ_ERROR_UNKNOWN_GROUP);
    }
    flymq_table_free(table);
    flymq_client_free(client);
    stop_serving(&gateway);
}

/* Deletes the cluster's users and rules. `password` is a file that holds `secret`. */
static inline void forget_everybody(const char *password) {
    const char *guarded[] = {"--auth", "--bootstrap-admin", "cleaner",
                             "--bootstrap-admin-password-file", password, NULL};
    Served gateway = start_gateway("0", guarded);
    flymq_config *options = config(FLYMQ_CONFIG_CLIENT, "username", "cleaner");
    OK(flymq_config_set(options, "password", "secret", &error));
    flymq_client *client;
    OK(flymq_client_connect(gateway.address, options, &client, &error));
    flymq_config_free(options);
    size_t removed;
    OK(flymq_client_remove_acls(client, NULL, NULL, NULL, NULL, NULL, NULL, &removed, &error));
    flymq_table *table;
    OK(flymq_client_list_users(client, &table, &error));
    for (size_t row = 0; row < flymq_table_rows(table); row++) {
        const char *name = flymq_table_text(table, row, "name");
        if (strcmp(name, "cleaner") != 0) {
            OK(flymq_client_delete_user(client, name, &error));
        }
    }
    flymq_table_free(table);
    OK(flymq_client_delete_user(client, "cleaner", &error));
    flymq_client_free(client);
    stop_serving(&gateway);
}

#endif
