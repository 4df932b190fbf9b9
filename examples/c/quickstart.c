/* Store a record, and read it. */
#include "example.h"

int main(int argc, char **argv) {
    flymq_client *client = connect_client(argc, argv, NULL);
    create_topic(client, "greetings", 3);
    uint32_t partition;
    uint64_t offset;
    MUST(flymq_client_produce(client, "greetings", "en", 2, "hello, world", 12, &partition, &offset,
                              &error));
    flymq_batch *batch;
    MUST(flymq_client_consume(client, "greetings", partition, offset, &batch, &error));
    print(flymq_batch_message(batch, 0));
    flymq_batch_free(batch);
    disconnect(client);
    return 0;
}
