/* A program outside of this repository: it knows what is installed, and nothing else. */
#include <flymq.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    flymq_broker *broker;
    flymq_client *client;
    uint64_t offset = 1;
    if (flymq_version_number() != FLYMQ_VERSION_NUMBER ||
        flymq_broker_start(NULL, &broker, NULL) != FLYMQ_OK ||
        flymq_client_connect(flymq_broker_address(broker), NULL, &client, NULL) != FLYMQ_OK ||
        flymq_client_create_topic(client, "t", 1, NULL) != FLYMQ_OK ||
        flymq_client_produce(client, "t", NULL, 0, "x", 1, NULL, &offset, NULL) != FLYMQ_OK) {
        return 1;
    }
    flymq_client_free(client);
    flymq_broker_free(broker);
    printf("libflymq %s\n", flymq_version());
    return offset != 0;
}
