/* A program that has functions of its own under names that are also within libflymq: they must not meet. */
#include <flymq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINE(name) \
    void name(void);  \
    void name(void) { abort(); }
MINE(ZSTD_compressCCtx)
MINE(ZSTD_compress2)
MINE(ZSTD_createCCtx)
MINE(ZSTD_decompressDCtx)
MINE(ZSTD_decompressStream)
MINE(ZSTD_getErrorName)
MINE(rust_eh_personality)

int main(void) {
    flymq_broker *broker;
    flymq_client *client;
    flymq_config *config;
    flymq_producer *producer;
    flymq_batch *batch;
    size_t len = 0;
    static char zeros[10000];
    if (flymq_broker_start(NULL, &broker, NULL) != FLYMQ_OK ||
        flymq_client_connect(flymq_broker_address(broker), NULL, &client, NULL) != FLYMQ_OK ||
        flymq_client_create_topic(client, "t", 1, NULL) != FLYMQ_OK ||
        flymq_config_new(FLYMQ_CONFIG_PRODUCER, &config, NULL) != FLYMQ_OK ||
        flymq_config_set(config, "compression", "zstd", NULL) != FLYMQ_OK ||
        flymq_producer_new(client, config, NULL, &producer, NULL) != FLYMQ_OK ||
        flymq_producer_send(producer, "t", NULL, 0, zeros, sizeof zeros, NULL, NULL) != FLYMQ_OK ||
        flymq_producer_close(producer, 10000, NULL) != FLYMQ_OK ||
        flymq_client_fetch(client, "t", 0, 0, 0, 0, 0, 10000, FLYMQ_READ_COMMITTED, &batch, NULL) != FLYMQ_OK) {
        return 1;
    }
    const char *value = flymq_message_value(flymq_batch_message(batch, 0), &len);
    bool same = len == sizeof zeros && memcmp(value, zeros, len) == 0;
    flymq_batch_free(batch);
    flymq_producer_free(producer);
    flymq_config_free(config);
    flymq_client_free(client);
    flymq_broker_free(broker);
    printf("%zu bytes\n", len);
    return !same;
}
