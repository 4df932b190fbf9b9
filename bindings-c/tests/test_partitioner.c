/* Keys go where the vectors of conformance/partitioner say, which is where Kafka's Java client puts them. Its
 * argument is a file of lines "KEY PARTITIONS PARTITION", the key in hex, as vectors.py writes it. */
#include "check.h"

int main(int argc, char **argv) {
    CHECK(argc == 2);
    FILE *file = fopen(argv[1], "r");
    CHECK(file != NULL);
    World w = world();
    char hex[2048];
    unsigned partitions, expected;
    int vectors = 0;
    while (fscanf(file, "%2047s %u %u", hex, &partitions, &expected) == 3) {
        char topic[32];
        snprintf(topic, sizeof topic, "topic-%u", partitions);
        OK(flymq_client_create_topic_with(w.client, topic, partitions, 0, NULL, NULL, 0, true, NULL, &error));
        unsigned char key[1024];
        size_t len = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
        for (size_t i = 0; i < len; i++) {
            unsigned byte;
            CHECK(sscanf(hex + 2 * i, "%2x", &byte) == 1);
            key[i] = (unsigned char)byte;
        }
        uint32_t partition;
        OK(flymq_client_produce(w.client, topic, key, len, "x", 1, &partition, NULL, &error));
        CHECK(partition == expected);
        vectors++;
    }
    fclose(file);
    CHECK(vectors > 0);
    printf("%d vectors\n", vectors);
    end(w);
    return 0;
}
