/* Encrypt records from producer to consumer: the broker never sees what is in them. */
#include "example.h"

int main(int argc, char **argv) {
    flymq_config *config;
    MUST(flymq_config_new(FLYMQ_CONFIG_CLIENT, &config, &error));
    /* For the example only: keys belong into a file (encryption_keyring_file) or the environment. The first
     * encrypts, all decrypt, so that keys can be rotated. */
    MUST(flymq_config_set(config, "encryption_keyring",
                          "2026:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
                          "2025:202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
                          &error));
    flymq_client *client = connect_client(argc, argv, config);
    flymq_config_free(config);
    create_topic(client, "payroll", 1);
    uint64_t offset;
    MUST(flymq_client_produce(client, "payroll", "ada", 3, "a raise", 7, NULL, &offset, &error));
    flymq_batch *batch;
    MUST(flymq_client_consume(client, "payroll", 0, offset, &batch, &error));
    print(flymq_batch_message(batch, 0));
    flymq_batch_free(batch);

    /* Without the key there is an error, and not a wrong value. */
    if (argc < 2) {
        flymq_client *stranger;
        MUST(flymq_client_connect(flymq_broker_address(embedded), NULL, &stranger, &error));
        flymq_error *error;
        if (flymq_client_consume(stranger, "payroll", 0, offset, &batch, &error) == FLYMQ_OK) {
            return 1;
        }
        printf("%s\n", flymq_error_name(error));
        flymq_error_free(error);
        flymq_client_free(stranger);
    }
    disconnect(client);
    return 0;
}
