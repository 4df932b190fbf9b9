/* What flymq.c does, by librdkafka: idempotent, with a delivery report for each record.
 * With latency, one record after the other, and also p50 and p99 in microseconds.
 * rdkafka produce|consume|latency ADDRESS TOPIC COUNT SIZE */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t told;

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
    (void)producer, (void)opaque;
    if (message->err != 0) {
        exit(1);
    }
    told++;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char text[512];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
}

static rd_kafka_t *make(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
    char text[512];
    rd_kafka_t *made = rd_kafka_new(type, conf, text, sizeof text);
    if (made == NULL) {
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
    return made;
}

/* The topic, once the producer knows where it is. */
static rd_kafka_topic_t *open_topic(rd_kafka_t *producer, const char *topic) {
    rd_kafka_topic_t *to = rd_kafka_topic_new(producer, topic, NULL);
    const rd_kafka_metadata_t *metadata;
    rd_kafka_metadata(producer, 0, to, &metadata, 10000);
    rd_kafka_metadata_destroy(metadata);
    return to;
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double latency(rd_kafka_conf_t *conf, const char *topic, size_t count, size_t size,
                      double *times) {
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    set(conf, "enable.idempotence", "true");
    set(conf, "linger.ms", "0");
    set(conf, "socket.nagle.disable", "true");
    rd_kafka_t *producer = make(RD_KAFKA_PRODUCER, conf);
    rd_kafka_topic_t *to = open_topic(producer, topic);
    char *value = calloc(1, size);
    double first = now();
    for (size_t i = 0; i < count; i++) {
        memcpy(value, &i, sizeof i);
        double began = now();
        if (rd_kafka_produce(to, 0, RD_KAFKA_MSG_F_COPY, value, size, NULL, 0, NULL) != 0) {
            exit(1);
        }
        while (told <= i) {
            rd_kafka_poll(producer, 1000);
        }
        times[i] = (now() - began) * 1e6;
    }
    double took = now() - first;
    free(value);
    rd_kafka_topic_destroy(to);
    rd_kafka_destroy(producer);
    return took;
}

static double produce(rd_kafka_conf_t *conf, const char *topic, size_t count, size_t size) {
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    set(conf, "enable.idempotence", "true");
    set(conf, "linger.ms", "5");
    set(conf, "queue.buffering.max.messages", "1000000");
    rd_kafka_t *producer = make(RD_KAFKA_PRODUCER, conf);
    rd_kafka_topic_t *to = open_topic(producer, topic);
    char *value = calloc(1, size);
    double began = now();
    for (size_t i = 0; i < count; i++) {
        memcpy(value, &i, sizeof i);
        while (rd_kafka_produce(to, 0, RD_KAFKA_MSG_F_COPY, value, size, NULL, 0, (void *)i) != 0) {
            rd_kafka_poll(producer, 10);
        }
        if (i % 10000 == 0) {
            rd_kafka_poll(producer, 0);
        }
    }
    while (told < count) {
        rd_kafka_poll(producer, 100);
    }
    double took = now() - began;
    free(value);
    rd_kafka_topic_destroy(to);
    rd_kafka_destroy(producer);
    return took;
}

static double consume(rd_kafka_conf_t *conf, const char *topic, size_t count) {
    set(conf, "queued.min.messages", "1000000");
    rd_kafka_t *consumer = make(RD_KAFKA_CONSUMER, conf);
    rd_kafka_topic_t *from = rd_kafka_topic_new(consumer, topic, NULL);
    double began = now();
    rd_kafka_consume_start(from, 0, RD_KAFKA_OFFSET_BEGINNING);
    static rd_kafka_message_t *messages[10000];
    size_t read = 0, bytes = 0;
    while (read < count) {
        // It returns before the time is out only once it has as many as it was asked for.
        size_t wanted = count - read < 10000 ? count - read : 10000;
        ssize_t in_batch = rd_kafka_consume_batch(from, 0, 1000, messages, wanted);
        for (ssize_t i = 0; i < in_batch; i++) {
            if (messages[i]->err == 0) {
                const char *value = messages[i]->payload;
                bytes += messages[i]->len + (value[0] != 0) + (size_t)messages[i]->offset % 2;
                read++;
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    double took = now() - began;
    rd_kafka_consume_stop(from, 0);
    rd_kafka_topic_destroy(from);
    rd_kafka_destroy(consumer);
    fprintf(stderr, "%zu\n", bytes);
    return took;
}

int main(int argc, char **argv) {
    if (argc != 6) {
        return 2;
    }
    size_t count = strtoul(argv[4], NULL, 10);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[2]);
    size_t size = strtoul(argv[5], NULL, 10);
    double *times = calloc(count, sizeof *times);
    bool one_at_a_time = strcmp(argv[1], "latency") == 0;
    double took = one_at_a_time                      ? latency(conf, argv[3], count, size, times)
                  : strcmp(argv[1], "produce") == 0 ? produce(conf, argv[3], count, size)
                                                    : consume(conf, argv[3], count);
    printf("%.0f", (double)count / took);
    if (one_at_a_time) {
        qsort(times, count, sizeof *times, compare);
        printf(" %.1f %.1f", times[count / 2], times[count * 99 / 100]);
    }
    printf("\n");
    free(times);
    return 0;
}
