/* What the library does to its process: no signal handler, no SIGPIPE, no signal taken, forks. */
#include "check.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sigaction before[NSIG];

static void no_handlers(void) {
    for (int number = 1; number < NSIG; number++) {
        struct sigaction now;
        if (sigaction(number, NULL, &now) == 0) {
            CHECK(now.sa_handler == before[number].sa_handler);
        }
    }
}

static pthread_t main_thread;
static volatile sig_atomic_t taken;

static void take(int number) {
    (void)number;
    CHECK(pthread_equal(pthread_self(), main_thread));
    taken++;
}

/* Every thread but this one is the library's, and has SIGUSR1 blocked. */
static void its_threads_take_none(void) {
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    int threads = 0;
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] == '.' || atoi(task->d_name) == getpid()) {
            continue;
        }
        char path[300], line[256];
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        FILE *status = fopen(path, "r");
        unsigned long long blocked = 0;
        while (status != NULL && fgets(line, sizeof line, status) != NULL) {
            sscanf(line, "SigBlk: %llx", &blocked);
        }
        if (status != NULL) {
            fclose(status);
            CHECK(blocked >> (SIGUSR1 - 1) & 1);
            threads++;
        }
    }
    closedir(tasks);
    CHECK(threads > 0);
}

/* Signals of the process go to the application's threads, here the only one. */
static void signals_are_the_hosts(void) {
    its_threads_take_none();
    main_thread = pthread_self();
    struct sigaction action = {.sa_handler = take};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    for (int i = 0; i < 100; i++) {
        CHECK(kill(getpid(), SIGUSR1) == 0);
    }
    CHECK(taken > 0);
    CHECK(sigaction(SIGUSR1, &before[SIGUSR1], NULL) == 0);
}

static int listen_on_loopback(struct sockaddr_in *address) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    CHECK(inet_pton(AF_INET, "127.0.0.1", &address->sin_addr) == 1);
    CHECK(bind(s, (struct sockaddr *)address, sizeof *address) == 0 && listen(s, 64) == 0);
    socklen_t len = sizeof *address;
    CHECK(getsockname(s, (struct sockaddr *)address, &len) == 0);
    return s;
}

static int connect_to_broker(World world) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons((uint16_t)atoi(strchr(flymq_broker_address(world.broker), ':') + 1));
    CHECK(inet_pton(AF_INET, "127.0.0.1", &address.sin_addr) == 1);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(s, (struct sockaddr *)&address, sizeof address) == 0);
    return s;
}

/* Passes bytes on between clients and a broker, and closes each connection after some of them. */
typedef struct {
    World world;
    int listening;
    int cuts;
} Relay;

static void pass_on(int client, int broker, size_t until) {
    static char bytes[65536];
    size_t passed = 0;
    struct pollfd ends[2] = {{.fd = client, .events = POLLIN}, {.fd = broker, .events = POLLIN}};
    while (passed < until) {
        CHECK(poll(ends, 2, DEADLINE_MS) > 0);
        for (int i = 0; i < 2; i++) {
            if (ends[i].revents != 0) {
                ssize_t len = recv(ends[i].fd, bytes, sizeof bytes, 0);
                if (len <= 0) {
                    return;
                }
                (void)!send(ends[1 - i].fd, bytes, (size_t)len, MSG_NOSIGNAL);
                passed += i == 0 ? (size_t)len : 0;
            }
        }
    }
}

static void *relay(void *argument) {
    Relay *relay = argument;
    int client;
    while ((client = accept(relay->listening, NULL, NULL)) >= 0) {
        int broker = connect_to_broker(relay->world);
        pass_on(client, broker, relay->cuts > 0 ? 100000 : SIZE_MAX);
        relay->cuts -= relay->cuts > 0;
        close(client);
        close(broker);
    }
    return NULL;
}

static void *send_many(void *client) {
    static char value[1000];
    for (int i = 0; i < 1000; i++) {
        OK(flymq_client_produce(client, "t", NULL, 0, value, sizeof value, NULL, NULL, &error));
    }
    return NULL;
}

/* Writes to connections that were just closed: with its default, SIGPIPE would end this program. */
static void broken_connections_do_not_kill(void) {
    CHECK(before[SIGPIPE].sa_handler == SIG_DFL);
    Relay between = {.world = world(), .cuts = 30};
    create(between.world, "t", 1);
    struct sockaddr_in address;
    between.listening = listen_on_loopback(&address);
    pthread_t relaying, senders[8];
    CHECK(pthread_create(&relaying, NULL, relay, &between) == 0);
    char text[32];
    snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(address.sin_port));
    flymq_client *client;
    OK(flymq_client_connect(text, NULL, &client, &error));
    for (int i = 0; i < 8; i++) {
        CHECK(pthread_create(&senders[i], NULL, send_many, client) == 0);
    }
    for (int i = 0; i < 8; i++) {
        CHECK(pthread_join(senders[i], NULL) == 0);
    }
    /* Nothing is lost or doubled by all those cuts. */
    flymq_table *table;
    OK(flymq_client_describe_topic(between.world.client, "t", &table, &error));
    CHECK(number(table, 0, "latest") == 8 * 1000);
    flymq_table_free(table);
    flymq_client_free(client);
    shutdown(between.listening, SHUT_RDWR);
    CHECK(pthread_join(relaying, NULL) == 0);
    close(between.listening);
    end(between.world);
}

/* Clients that send many requests and go away before the answers: the broker writes to nobody. */
static void broken_clients_do_not_kill(void) {
    World w = world();
    /* PING before HELLO is refused each time. */
    static char frames[5000][8];
    for (int i = 0; i < 5000; i++) {
        memcpy(frames[i], (char[]){(char)0xfb, 1, 0x38, 0, 0, 0, 1, (char)0x80}, 8);
    }
    for (int i = 0; i < 50; i++) {
        int s = connect_to_broker(w);
        /* It may have been closed already. */
        (void)!send(s, frames, sizeof frames, MSG_NOSIGNAL);
        close(s);
    }
    OK(flymq_client_ping(w.client, NULL, &error));
    end(w);
}

/* A child gets errors, not hangs, and may make things of its own. */
static void a_child_of_a_fork(void) {
    World w = world();
    create(w, "t", 1);
    flymq_queue *queue;
    OK(flymq_queue_new(&queue, &error));
    flymq_producer *producer;
    OK(flymq_producer_new(w.client, NULL, queue, &producer, &error));
    flymq_consumer *reader = consumer(w, NULL, queue);
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(30);
        FAILS(FLYMQ_ERROR_CLOSED, flymq_client_ping(w.client, NULL, &error));
        FAILS(FLYMQ_ERROR_CLOSED, flymq_producer_send(producer, "t", NULL, 0, "x", 1, NULL, &error));
        FAILS(FLYMQ_ERROR_CLOSED, flymq_client_close(w.client, -1, &error));
        flymq_events *events;
        FAILS(FLYMQ_ERROR_CLOSED, flymq_poll(queue, 1, -1, &events, &error));
        flymq_consumer_free(reader);
        flymq_producer_free(producer);
        flymq_queue_free(queue);
        flymq_client_free(w.client);
        flymq_client *own;
        OK(flymq_client_connect(flymq_broker_address(w.broker), NULL, &own, &error));
        OK(flymq_client_ping(own, NULL, &error));
        flymq_client_free(own);
        flymq_broker_free(w.broker);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    /* The parent has noticed nothing. */
    OK(flymq_producer_send(producer, "t", NULL, 0, "x", 1, NULL, &error));
    OK(flymq_producer_close(producer, DEADLINE_MS, &error));
    flymq_producer_free(producer);
    close_consumer(reader);
    flymq_queue_free(queue);
    end(w);
}

int main(void) {
    for (int number = 1; number < NSIG; number++) {
        sigaction(number, NULL, &before[number]);
    }
    World w = world();
    create(w, "t", 1);
    OK(flymq_client_produce(w.client, "t", NULL, 0, "x", 1, NULL, NULL, &error));
    no_handlers();
    signals_are_the_hosts();
    end(w);
    broken_connections_do_not_kill();
    broken_clients_do_not_kill();
    a_child_of_a_fork();
    no_handlers();
    return 0;
}
