/* TLS, users and rules, client certificates, encryption, all by options. Its argument is a folder with
 * what certs.sh makes, and root's password. */
#include "serve.h"
#include <pthread.h>

static const char *folder;

static const char *file(const char *name) {
    static char paths[4][256];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof *paths, "%s/%s", folder, name);
    return path;
}

static void set(flymq_config *options, const char *name, const char *value) {
    OK(flymq_config_set(options, name, value, &error));
}

/* A broker that nobody has used, or a gateway to a cluster without any data, and a client of it. */
static World open_world(Served *served) {
    empty_cluster();
    *served = serve(NULL, "0");
    World world = {.broker = served->broker};
    OK(flymq_client_connect(served->address, NULL, &world.client, &error));
    return world;
}

static void end_serving(World world, Served *served) {
    OK(flymq_client_close(world.client, DEADLINE_MS, &error));
    flymq_client_free(world.client);
    stop_serving(served);
}

/* As the options say, which a gateway gets as a command takes them. */
static Served serve_guarded(const flymq_config *options) {
    if (cluster() == NULL) {
        return start_broker(options);
    }
    empty_cluster();
    forget_everybody(file("password"));
    const char *same[] = {"--tls-cert", file("cert.pem"), "--tls-key", file("key.pem"),
                          "--tls-client-ca", file("ca.pem"), "--tls-client-auth", "optional",
                          "--auth", "--bootstrap-admin", "root", "--bootstrap-admin-password-file",
                          file("password"), NULL};
    return start_gateway("0", same);
}

/* Who shows a certificate needs no password. */
static void known_by_its_certificate(flymq_client *admin, const char *address) {
    OK(flymq_client_upsert_user(admin, "ada", NULL, NULL, 0, "CN=ada", &error));
    flymq_config *options = config(FLYMQ_CONFIG_CLIENT, "tls_server_name", "localhost");
    set(options, "tls_enabled", "true");
    set(options, "tls_ca_file", file("ca.pem"));
    set(options, "tls_cert_file", file("client-cert.pem"));
    flymq_client *client;
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_client_connect(address, options, &client, &error));
    set(options, "tls_key_file", file("client-key.pem"));
    OK(flymq_client_connect(address, options, &client, &error));
    flymq_config_free(options);
    flymq_table *table;
    OK(flymq_client_whoami(client, &table, &error));
    CHECK(strcmp(flymq_table_text(table, 0, "principal"), "ada") == 0);
    CHECK(strcmp(flymq_table_text(table, 0, "mechanism"), "EXTERNAL") == 0);
    flymq_table_free(table);
    flymq_client_free(client);
}

static void secured_and_logged_in(void) {
    flymq_config *options = config(FLYMQ_CONFIG_BROKER, "tls_cert_file", file("cert.pem"));
    flymq_broker *broker;
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_broker_start(options, &broker, &error));
    set(options, "tls_key_file", file("key.pem"));
    set(options, "users", "root:secret");
    set(options, "tls_client_ca_file", file("ca.pem"));
    set(options, "tls_client_auth", "optional");
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_config_set(options, "no_such", "x", &error));
    Served served = serve_guarded(options);
    flymq_config_free(options);
    const char *address = served.address;

    flymq_client *client;
    options = config(FLYMQ_CONFIG_CLIENT, "tls_server_name", "localhost");
    FAILS(FLYMQ_ERROR_TLS_REQUIRED, flymq_client_connect(address, NULL, &client, &error));
    set(options, "tls_enabled", "true");
    FAILS(FLYMQ_ERROR_TLS_FAILED, flymq_client_connect(address, options, &client, &error));
    set(options, "tls_ca_file", file("ca.pem"));
    FAILS(FLYMQ_ERROR_AUTH_REQUIRED, flymq_client_connect(address, options, &client, &error));
    set(options, "username", "root");
    set(options, "password", "wrong");
    flymq_error *error;
    CHECK(flymq_client_connect(address, options, &client, &error) == FLYMQ_ERROR_AUTH_FAILED);
    CHECK(strstr(flymq_error_message(error), "wrong") == NULL);
    flymq_error_free(error);
    set(options, "password", "secret");
    OK(flymq_client_connect(address, options, &client, &error));

    flymq_table *table;
    OK(flymq_client_whoami(client, &table, &error));
    CHECK(strcmp(flymq_table_text(table, 0, "principal"), "root") == 0);
    CHECK(strcmp(flymq_table_text(table, 0, "roles"), "admin") == 0);
    flymq_table_free(table);

    OK(flymq_client_upsert_user(client, "ada", "lovelace", NULL, 0, NULL, &error));
    const char *roles[] = {"reader"};
    OK(flymq_client_upsert_user(client, "ada", NULL, roles, 1, NULL, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_client_upsert_user(client, "eve", "", NULL, 0, NULL, &error));
    OK(flymq_client_list_users(client, &table, &error));
    CHECK(flymq_table_rows(table) == 2);
    CHECK(strcmp(flymq_table_text(table, 0, "name"), "ada") == 0);
    CHECK(strcmp(flymq_table_text(table, 0, "roles"), "reader") == 0);
    CHECK(number(table, 0, "has_password") == 1);
    flymq_table_free(table);
    OK(flymq_client_create_topic(client, "private", 1, &error));

    set(options, "username", "ada");
    set(options, "password", "lovelace");
    flymq_client *ada;
    OK(flymq_client_connect(address, options, &ada, &error));
    flymq_config_free(options);
    FAILS(FLYMQ_ERROR_NOT_AUTHORIZED,
          flymq_client_produce(ada, "private", NULL, 0, "x", 1, NULL, NULL, &error));
    OK(flymq_client_add_acl(client, "user:ada", "allow", "write", "topic", "prefix", "priv", &error));
    FAILS(FLYMQ_ERROR_INVALID_REQUEST,
          flymq_client_add_acl(client, "user:ada", "perhaps", "write", "topic", "prefix", "x", &error));
    OK(flymq_client_produce(ada, "private", NULL, 0, "x", 1, NULL, NULL, &error));
    FAILS(FLYMQ_ERROR_NOT_AUTHORIZED,
          flymq_client_list_acls(ada, NULL, NULL, NULL, NULL, NULL, NULL, &table, &error));
    OK(flymq_client_list_acls(client, NULL, NULL, NULL, NULL, NULL, NULL, &table, &error));
    CHECK(flymq_table_rows(table) >= 1);
    flymq_table_free(table);
    OK(flymq_client_list_acls(client, "user:ada", NULL, "write", NULL, NULL, NULL, &table, &error));
    CHECK(flymq_table_rows(table) == 1 && strcmp(flymq_table_text(table, 0, "name"), "priv") == 0);
    flymq_table_free(table);
    OK(flymq_client_list_acls(client, "user:eve", NULL, NULL, NULL, NULL, NULL, &table, &error));
    CHECK(flymq_table_rows(table) == 0);
    flymq_table_free(table);
    known_by_its_certificate(client, address);
    size_t removed;
    OK(flymq_client_remove_acls(client, "user:ada", NULL, NULL, NULL, NULL, NULL, &removed, &error));
    CHECK(removed == 1);
    OK(flymq_client_delete_user(client, "ada", &error));
    FAILS(FLYMQ_ERROR_UNKNOWN_USER, flymq_client_delete_user(client, "ada", &error));
    flymq_client_free(ada);
    end_serving((World){served.broker, client}, &served);
}

static void encrypted(void) {
    Served served;
    World plain = open_world(&served);
    create(plain, "sealed", 1);
    flymq_config *options = config(FLYMQ_CONFIG_CLIENT, NULL, NULL);
    set(options, "encryption_keyring",
        "new:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
        "old:202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f");
    flymq_client *client;
    OK(flymq_client_connect(served.address, options, &client, &error));
    OK(flymq_client_produce(client, "sealed", "k", 1, "secret", 6, NULL, NULL, &error));
    flymq_batch *batch;
    OK(flymq_client_consume(client, "sealed", 0, 0, &batch, &error));
    CHECK(has_value(flymq_batch_message(batch, 0), "secret"));
    flymq_batch_free(batch);
    /* Nobody else reads it, nor does the broker hold it. */
    FAILS(FLYMQ_ERROR_UNKNOWN_ENCRYPTION_KEY,
          flymq_client_consume(plain.client, "sealed", 0, 0, &batch, &error));
    flymq_config *raw = config(FLYMQ_CONFIG_CLIENT, "decrypt", "false");
    flymq_client *reader;
    OK(flymq_client_connect(served.address, raw, &reader, &error));
    OK(flymq_client_consume(reader, "sealed", 0, 0, &batch, &error));
    size_t len;
    const char *value = flymq_message_value(flymq_batch_message(batch, 0), &len);
    CHECK(len > 6);
    for (size_t i = 0; i + 6 <= len; i++) {
        CHECK(memcmp(value + i, "secret", 6) != 0);
    }
    flymq_batch_free(batch);
    flymq_client_free(reader);
    flymq_client_free(client);
    flymq_config_free(raw);
    flymq_config_free(options);
    end_serving(plain, &served);
}

/* Keys are changed under clients that run. */
static void keys_rotate(void) {
    Served served;
    World plain = open_world(&served);
    create(plain, "rotated", 1);
    char key[45], another[45];
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_generate_key(key, 44, &error));
    OK(flymq_generate_key(key, sizeof key, &error));
    OK(flymq_generate_key(another, sizeof another, &error));
    CHECK(strlen(key) == 44 && strcmp(key, another) != 0);
    flymq_keyring *keyring, *readers;
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_keyring_new("a", "short", &keyring, &error));
    OK(flymq_keyring_new("a", key, &keyring, &error));
    OK(flymq_keyring_new("a", key, &readers, &error));
    flymq_config *options = config(FLYMQ_CONFIG_PRODUCER, NULL, NULL);
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_config_set_keyring(options, keyring, &error));
    flymq_config_free(options);
    options = config(FLYMQ_CONFIG_CLIENT, NULL, NULL);
    flymq_client *writer, *reader;
    OK(flymq_config_set_keyring(options, keyring, &error));
    OK(flymq_client_connect(served.address, options, &writer, &error));
    OK(flymq_config_set_keyring(options, readers, &error));
    OK(flymq_client_connect(served.address, options, &reader, &error));
    flymq_config_free(options);

    flymq_batch *batch;
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_keyring_encrypt_with(keyring, "b", &error));
    OK(flymq_keyring_add(keyring, "b", another, &error));
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_keyring_add(keyring, "b", key, &error));
    OK(flymq_keyring_encrypt_with(keyring, "b", &error));
    OK(flymq_client_produce(writer, "rotated", NULL, 0, "secret", 6, NULL, NULL, &error));
    FAILS(FLYMQ_ERROR_UNKNOWN_ENCRYPTION_KEY,
          flymq_client_consume(reader, "rotated", 0, 0, &batch, &error));
    OK(flymq_keyring_add(readers, "b", another, &error));
    flymq_table *ids;
    OK(flymq_keyring_ids(readers, &ids, &error));
    CHECK(flymq_table_rows(ids) == 2 && strcmp(flymq_table_text(ids, 1, "id"), "b") == 0);
    flymq_table_free(ids);
    flymq_keyring_free(readers);
    OK(flymq_client_consume(reader, "rotated", 0, 0, &batch, &error));
    CHECK(has_value(flymq_batch_message(batch, 0), "secret"));
    flymq_batch_free(batch);
    flymq_keyring_free(keyring);
    flymq_client_free(writer);
    flymq_client_free(reader);
    end_serving(plain, &served);
}

/* A source of keys of the program's own. */
typedef struct {
    pthread_mutex_t lock;
    const char *current; /* the id of the key to encrypt with; NULL for one that follows from the key */
    int32_t fails;       /* with which code, or 0 */
    size_t asked, dropped;
    flymq_client *client; /* to be called from within */
} Vault;

static int32_t give(void *context, const char *wanted, char *id, uint8_t *key) {
    Vault *vault = context;
    pthread_mutex_lock(&vault->lock);
    vault->asked++;
    const char *current = vault->current;
    int32_t code = vault->fails;
    flymq_client *client = vault->client;
    pthread_mutex_unlock(&vault->lock);
    if (client != NULL) {
        FAILS(FLYMQ_ERROR_INVALID_ARGUMENT, flymq_client_ping(client, NULL, &error));
    }
    if (code == FLYMQ_OK && wanted != NULL && strcmp(wanted, "gone") == 0) {
        code = FLYMQ_ERROR_UNKNOWN_ENCRYPTION_KEY;
    }
    if (code != FLYMQ_OK) {
        return code;
    }
    if (wanted == NULL && current != NULL) {
        strncpy(id, current, FLYMQ_KEY_ID_SIZE); /* also one that is too long */
    }
    memset(key, wanted != NULL ? wanted[0] : current != NULL ? current[0] : 'x', FLYMQ_KEY_BYTES);
    return FLYMQ_OK;
}

static void forget(void *context) {
    Vault *vault = context;
    pthread_mutex_lock(&vault->lock);
    vault->dropped++;
    pthread_mutex_unlock(&vault->lock);
}

static void turn(Vault *vault, const char *current, int32_t fails, flymq_client *client) {
    pthread_mutex_lock(&vault->lock);
    vault->current = current;
    vault->fails = fails;
    vault->client = client;
    pthread_mutex_unlock(&vault->lock);
}

static void keys_of_the_program(void) {
    Served served;
    World plain = open_world(&served);
    create(plain, "vault", 1);
    Vault vault = {.lock = PTHREAD_MUTEX_INITIALIZER, .current = "a"};
    flymq_config *options = config(FLYMQ_CONFIG_PRODUCER, NULL, NULL);
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT,
          flymq_config_set_key_source(options, give, &vault, forget, &error));
    flymq_config_free(options);
    options = config(FLYMQ_CONFIG_CLIENT, NULL, NULL);
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT,
          flymq_config_set_key_source(options, NULL, &vault, forget, &error));
    CHECK(vault.dropped == 0);
    OK(flymq_config_set_key_source(options, give, &vault, forget, &error));
    OK(flymq_config_set_key_source(options, give, &vault, forget, &error));
    CHECK(vault.dropped == 1); /* the first, which was replaced */
    flymq_client *writer, *reader;
    OK(flymq_client_connect(served.address, options, &writer, &error));
    OK(flymq_client_connect(served.address, options, &reader, &error));
    flymq_config_free(options);

    OK(flymq_client_produce(writer, "vault", NULL, 0, "0", 1, NULL, NULL, &error));
    turn(&vault, "b", 0, writer); /* another key, and calls back from within */
    OK(flymq_client_produce(writer, "vault", NULL, 0, "1", 1, NULL, NULL, &error));
    turn(&vault, "gone", 0, NULL);
    OK(flymq_client_produce(writer, "vault", NULL, 0, "2", 1, NULL, NULL, &error));
    turn(&vault, NULL, 0, NULL);
    OK(flymq_client_produce(writer, "vault", NULL, 0, "3", 1, NULL, NULL, &error));
    flymq_batch *batch;
    FAILS(FLYMQ_ERROR_UNKNOWN_ENCRYPTION_KEY,
          flymq_client_consume(plain.client, "vault", 0, 0, &batch, &error));
    turn(&vault, "a", 0, reader);
    for (uint64_t offset = 0; offset < 2; offset++) {
        OK(flymq_client_consume(reader, "vault", 0, offset, &batch, &error));
        CHECK(has_value(flymq_batch_message(batch, 0), offset == 0 ? "0" : "1"));
        flymq_batch_free(batch);
    }
    FAILS(FLYMQ_ERROR_UNKNOWN_ENCRYPTION_KEY,
          flymq_client_consume(reader, "vault", 0, 2, &batch, &error));
    /* It is asked for the id that the key was named by, for which it has another key. */
    FAILS(FLYMQ_ERROR_DECRYPTION_FAILED, flymq_client_consume(reader, "vault", 0, 3, &batch, &error));
    /* Opened on the threads of a consumer, which remembers what it was given. */
    turn(&vault, "a", 0, reader);
    flymq_consumer *consuming = consumer((World){plain.broker, reader}, NULL, NULL);
    flymq_partitions *places;
    OK(flymq_partitions_new(&places, &error));
    OK(flymq_partitions_add(places, "vault", 0, FLYMQ_START_EARLIEST, 0, &error));
    OK(flymq_consumer_assign(consuming, places, &error));
    flymq_partitions_free(places);
    OK(flymq_consumer_poll(consuming, 2, DEADLINE_MS, &batch, &error));
    CHECK(has_value(flymq_batch_message(batch, 0), "0"));
    flymq_batch_free(batch);
    close_consumer(consuming);

    /* A failure is the call's. */
    turn(&vault, "a", FLYMQ_ERROR_TIMEOUT, NULL);
    FAILS(FLYMQ_ERROR_TIMEOUT,
          flymq_client_produce(writer, "vault", NULL, 0, "x", 1, NULL, NULL, &error));
    turn(&vault, "a", FLYMQ_ERROR_UNKNOWN_ENCRYPTION_KEY, NULL);
    FAILS(FLYMQ_ERROR_UNKNOWN_ENCRYPTION_KEY,
          flymq_client_produce(writer, "vault", NULL, 0, "x", 1, NULL, NULL, &error));
    turn(&vault, "a", -1, NULL);
    FAILS(FLYMQ_ERROR_INTERNAL,
          flymq_client_produce(writer, "vault", NULL, 0, "x", 1, NULL, NULL, &error));
    char endless[100];
    memset(endless, 'k', sizeof endless);
    endless[99] = 0;
    turn(&vault, endless, 0, NULL);
    OK(flymq_client_produce(writer, "vault", NULL, 0, "x", 1, NULL, NULL, &error)); /* cut off */
    turn(&vault, "no id", 0, NULL);
    FAILS(FLYMQ_ERROR_INVALID_ARGUMENT,
          flymq_client_produce(writer, "vault", NULL, 0, "x", 1, NULL, NULL, &error));
    CHECK(vault.asked > 0 && vault.dropped == 1);
    OK(flymq_client_close(writer, DEADLINE_MS, &error));
    OK(flymq_client_close(reader, DEADLINE_MS, &error));
    flymq_client_free(writer);
    flymq_client_free(reader);
    CHECK(vault.dropped == 2);
    end_serving(plain, &served);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    folder = argv[1];
    void (*const scenarios[])(void) = {secured_and_logged_in, encrypted, keys_rotate, keys_of_the_program};
    size_t count = sizeof scenarios / sizeof *scenarios;
    for (size_t i = 0; i < count; i++) {
        scenarios[i]();
    }
    printf("%zu scenarios\n", count);
    return 0;
}
