/* Have a function called for each record that was sent, on a thread of the library. */
#include "example.h"
#include <semaphore.h>

enum { RECORDS = 100 };

typedef struct {
    int stored, failed;
    sem_t told;
} Counts;

static void on_event(void *context, const flymq_event *event) {
    Counts *counts = context;
    if (flymq_event_code(event) == FLYMQ_OK) {
        counts->stored++;
    } else {
        counts->failed++;
    }
    sem_post(&counts->told);
}

int main(int argc, char **argv) {
    flymq_client *client = connect_client(argc, argv, NULL);
    create_topic(client, "measurements", 1);
    Counts counts = {0};
    sem_init(&counts.told, 0, 0);
    flymq_queue *queue;
    MUST(flymq_queue_new(&queue, &error));
    MUST(flymq_queue_serve(queue, on_event, &counts, NULL, &error));
    flymq_producer *producer;
    MUST(flymq_producer_new(client, NULL, queue, &producer, &error));

    flymq_record *record;
    MUST(flymq_record_new("sensor-7", 8, "21.5", 4, &record, &error));
    MUST(flymq_record_add_header(record, "unit", "C", 1, &error));
    for (int i = 0; i < RECORDS; i++) {
        MUST(flymq_producer_send_record(producer, "measurements", record, NULL, &error));
    }
    flymq_record_free(record);

    /* Sends what is left; each record has its event soon after. */
    MUST(flymq_producer_close(producer, 10000, &error));
    flymq_producer_free(producer);
    for (int i = 0; i < RECORDS; i++) {
        sem_wait(&counts.told);
    }
    printf("%d stored, %d failed\n", counts.stored, counts.failed);
    flymq_queue_free(queue);
    disconnect(client);
    return 0;
}
