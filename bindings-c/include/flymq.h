/**
 * @file flymq.h
 * The client of FlyMQ, a message broker, and a broker for tests.
 *
 * Functions that may fail return FLYMQ_OK or the code of an error, and give the error itself to who
 * wants it. What they make goes to the place that is given for it, which is NULL after a failure;
 * whoever gets it owns it, and frees it with the function of its name. Pointers to const are borrowed,
 * and their comments say for how long. What is given is copied, but for a
 * keyring, which is shared.
 *
 * Every function may be called from any thread, unless its comment says otherwise, but freeing is the
 * last call with a pointer. NULL where something is needed is INVALID_ARGUMENT; what is closed answers
 * CLOSED. Strings are UTF-8 and end with a NUL; bytes come with their length.
 *
 * No function sets a signal handler, and no thread of the library takes a signal.
 *
 * Made by cbindgen from bindings-c/src; docs/c.md is the guide.
 */

#ifndef FLYMQ_H
#define FLYMQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/** The version of this header; that of the library is flymq_version(). */
#define FLYMQ_VERSION_MAJOR 0
#define FLYMQ_VERSION_MINOR 1
#define FLYMQ_VERSION_PATCH 0
#define FLYMQ_VERSION "0.1.0"
/** As flymq_version_number() counts. */
#define FLYMQ_VERSION_NUMBER \
    (FLYMQ_VERSION_MAJOR * 1000000 + FLYMQ_VERSION_MINOR * 1000 + FLYMQ_VERSION_PATCH)

#if defined(_WIN32) && !defined(FLYMQ_STATIC)
#define FLYMQ_API __declspec(dllimport)
#elif defined(__GNUC__)
#define FLYMQ_API __attribute__((visibility("default")))
#else
#define FLYMQ_API
#endif


/**
 * How many bytes a key has.
 */
#define FLYMQ_KEY_BYTES 32

/**
 * How much room there is for the id of a key: 64 characters and a NUL.
 */
#define FLYMQ_KEY_ID_SIZE 65

/**
 * What functions return: FLYMQ_OK, or what went wrong. The numbers never change their meaning; more
 * may come. 1xx are about the bytes, 2xx the session, 3xx topics, 4xx the log, 5xx groups, 6xx
 * transactions, 7xx the broker's own state, 9xx come from this library.
 */
enum flymq_code
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Nothing went wrong.
     */
    FLYMQ_OK = 0,
    /**
     * The first byte of a frame was not 0xFB.
     */
    FLYMQ_ERROR_BAD_MAGIC = 100,
    /**
     * The frame's version byte is not one that the receiver speaks.
     */
    FLYMQ_ERROR_UNSUPPORTED_VERSION = 101,
    /**
     * No operation has this number.
     */
    FLYMQ_ERROR_UNKNOWN_OPCODE = 102,
    /**
     * The frame is longer than the receiver takes.
     */
    FLYMQ_ERROR_FRAME_TOO_LARGE = 103,
    /**
     * The payload is not the MessagePack map that the operation wants.
     */
    FLYMQ_ERROR_MALFORMED_PAYLOAD = 104,
    /**
     * A field's value is outside its documented bounds.
     */
    FLYMQ_ERROR_INVALID_REQUEST = 105,
    /**
     * The connection's first request was not HELLO.
     */
    FLYMQ_ERROR_HELLO_REQUIRED = 106,
    /**
     * This broker or engine does not offer the operation.
     */
    FLYMQ_ERROR_UNSUPPORTED_OPERATION = 107,
    /**
     * The operation needs an authenticated session.
     */
    FLYMQ_ERROR_AUTH_REQUIRED = 200,
    /**
     * The credentials were not accepted.
     */
    FLYMQ_ERROR_AUTH_FAILED = 201,
    /**
     * The broker does not take this authentication mechanism.
     */
    FLYMQ_ERROR_UNSUPPORTED_MECHANISM = 202,
    /**
     * The session's principal may not do this.
     */
    FLYMQ_ERROR_NOT_AUTHORIZED = 203,
    /**
     * The broker has as many connections as it takes.
     */
    FLYMQ_ERROR_TOO_MANY_CONNECTIONS = 204,
    /**
     * The broker takes connections within TLS only, and this one is not.
     */
    FLYMQ_ERROR_TLS_REQUIRED = 205,
    /**
     * There is no such user.
     */
    FLYMQ_ERROR_UNKNOWN_USER = 206,
    /**
     * The user is there already.
     */
    FLYMQ_ERROR_USER_EXISTS = 207,
    /**
     * There is no such topic.
     */
    FLYMQ_ERROR_UNKNOWN_TOPIC = 300,
    /**
     * The topic is there already.
     */
    FLYMQ_ERROR_TOPIC_EXISTS = 301,
    /**
     * The topic's name is not allowed.
     */
    FLYMQ_ERROR_INVALID_TOPIC_NAME = 302,
    /**
     * The topic has no partition of this number.
     */
    FLYMQ_ERROR_UNKNOWN_PARTITION = 303,
    /**
     * The partition count is not allowed.
     */
    FLYMQ_ERROR_INVALID_PARTITIONS = 304,
    /**
     * A topic configuration key or value is not allowed.
     */
    FLYMQ_ERROR_INVALID_CONFIG = 305,
    /**
     * The offset lies outside the partition's valid range.
     */
    FLYMQ_ERROR_OFFSET_OUT_OF_RANGE = 400,
    /**
     * A batch's checksum does not match its bytes.
     */
    FLYMQ_ERROR_CORRUPT_BATCH = 401,
    /**
     * A record is larger than the topic takes.
     */
    FLYMQ_ERROR_RECORD_TOO_LARGE = 402,
    /**
     * A batch's records are not what its header says, or not well formed.
     */
    FLYMQ_ERROR_INVALID_BATCH = 403,
    /**
     * The batch's compression codec is not known.
     */
    FLYMQ_ERROR_UNSUPPORTED_CODEC = 404,
    /**
     * A batch's sequence does not follow the producer's last one.
     */
    FLYMQ_ERROR_OUT_OF_ORDER_SEQUENCE = 405,
    /**
     * A newer producer has taken this one's place.
     */
    FLYMQ_ERROR_PRODUCER_FENCED = 406,
    /**
     * The broker no longer knows this producer id.
     */
    FLYMQ_ERROR_UNKNOWN_PRODUCER = 407,
    /**
     * The group does not know this member.
     */
    FLYMQ_ERROR_UNKNOWN_MEMBER = 500,
    /**
     * The member's generation is over.
     */
    FLYMQ_ERROR_STALE_GENERATION = 501,
    /**
     * There is no such group.
     */
    FLYMQ_ERROR_UNKNOWN_GROUP = 502,
    /**
     * The group still has members.
     */
    FLYMQ_ERROR_GROUP_NOT_EMPTY = 503,
    /**
     * The group's name is not allowed.
     */
    FLYMQ_ERROR_INVALID_GROUP = 504,
    /**
     * Another consumer with the same instance id has taken the member's place.
     */
    FLYMQ_ERROR_INSTANCE_FENCED = 505,
    /**
     * A transaction that is still open has offsets of the partition.
     */
    FLYMQ_ERROR_UNSTABLE_OFFSETS = 506,
    /**
     * The group has as many members as the broker takes.
     */
    FLYMQ_ERROR_GROUP_FULL = 507,
    /**
     * The transaction is not in a state that allows this.
     */
    FLYMQ_ERROR_INVALID_TXN_STATE = 600,
    /**
     * The transaction was aborted, by a time-out for instance.
     */
    FLYMQ_ERROR_TXN_ABORTED = 601,
    /**
     * The broker met a state it should never be in.
     */
    FLYMQ_ERROR_INTERNAL = 700,
    /**
     * The broker's disk is full; reading goes on.
     */
    FLYMQ_ERROR_STORAGE_FULL = 701,
    /**
     * The broker's storage failed.
     */
    FLYMQ_ERROR_STORAGE_FAILED = 702,
    /**
     * The broker is stopping.
     */
    FLYMQ_ERROR_SHUTTING_DOWN = 703,
    /**
     * The broker has more in flight than it takes.
     */
    FLYMQ_ERROR_OVERLOADED = 704,
    /**
     * The Kafka cluster behind a gateway cannot serve the request now.
     */
    FLYMQ_ERROR_UNAVAILABLE = 705,
    /**
     * No answer came in time.
     */
    FLYMQ_ERROR_TIMEOUT = 900,
    /**
     * No connection to any broker could be made.
     */
    FLYMQ_ERROR_CONNECT_FAILED = 901,
    /**
     * The connection was lost before the answer came.
     */
    FLYMQ_ERROR_CONNECTION_LOST = 902,
    /**
     * The client, producer or consumer is closed.
     */
    FLYMQ_ERROR_CLOSED = 903,
    /**
     * An argument or option is not valid.
     */
    FLYMQ_ERROR_INVALID_ARGUMENT = 904,
    /**
     * A value could not be turned into bytes, or back.
     */
    FLYMQ_ERROR_SERIALIZATION = 905,
    /**
     * The producer's buffer stayed full for as long as one was ready to wait.
     */
    FLYMQ_ERROR_BUFFER_FULL = 906,
    /**
     * The wait was interrupted by the host.
     */
    FLYMQ_ERROR_INTERRUPTED = 907,
    /**
     * The connection could not be secured.
     */
    FLYMQ_ERROR_TLS_FAILED = 908,
    /**
     * An encrypted record does not fit its key, topic and record key, or was altered.
     */
    FLYMQ_ERROR_DECRYPTION_FAILED = 910,
    /**
     * The keyring has no key of the id that a record names.
     */
    FLYMQ_ERROR_UNKNOWN_ENCRYPTION_KEY = 911,
    /**
     * A defect in FlyMQ itself was caught at the language boundary.
     */
    FLYMQ_ERROR_PANIC = 999,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum flymq_code flymq_code;
#else
typedef int32_t flymq_code;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a configuration is for: which options there are.
 */
enum flymq_config_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * For flymq_client_connect().
     */
    FLYMQ_CONFIG_CLIENT = 1,
    /**
     * For flymq_producer_new().
     */
    FLYMQ_CONFIG_PRODUCER = 2,
    /**
     * For flymq_consumer_new().
     */
    FLYMQ_CONFIG_CONSUMER = 3,
    /**
     * For flymq_transactional_producer_new().
     */
    FLYMQ_CONFIG_TRANSACTIONAL_PRODUCER = 4,
    /**
     * For flymq_broker_start().
     */
    FLYMQ_CONFIG_BROKER = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum flymq_config_kind flymq_config_kind;
#else
typedef int32_t flymq_config_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What an event tells.
 */
enum flymq_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * There is no event.
     */
    FLYMQ_EVENT_NONE = 0,
    /**
     * A record is stored, or given up: flymq_event_code() says which.
     */
    FLYMQ_EVENT_DELIVERY = 1,
    /**
     * A commit is stored, or has failed: flymq_event_code() says which.
     */
    FLYMQ_EVENT_COMMIT = 2,
    /**
     * A consumer has read records: flymq_event_batch().
     */
    FLYMQ_EVENT_RECORDS = 3,
    /**
     * A consumer has new partitions, of which it has returned nothing yet: flymq_event_partitions().
     */
    FLYMQ_EVENT_ASSIGNED = 4,
    /**
     * A consumer is about to give partitions up: what was processed of them may still be committed.
     */
    FLYMQ_EVENT_REVOKED = 5,
    /**
     * A consumer has lost partitions: nothing can be committed any more.
     */
    FLYMQ_EVENT_LOST = 6,
    /**
     * A consumer has met what will not pass by itself: flymq_event_error().
     */
    FLYMQ_EVENT_ERROR = 7,
    /**
     * A line of the log: flymq_event_log().
     */
    FLYMQ_EVENT_LOG = 8,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum flymq_event_kind flymq_event_kind;
#else
typedef int32_t flymq_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Which records of transactions are read.
 */
enum flymq_isolation
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Those of transactions that were committed.
     */
    FLYMQ_READ_COMMITTED = 0,
    /**
     * Those of all transactions.
     */
    FLYMQ_READ_UNCOMMITTED = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum flymq_isolation flymq_isolation;
#else
typedef int32_t flymq_isolation;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How grave a line of the log is.
 */
enum flymq_log_level
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Something is broken.
     */
    FLYMQ_LOG_ERROR = 1,
    /**
     * Something is not as it should be, and may need a person.
     */
    FLYMQ_LOG_WARN = 2,
    /**
     * What a person may want to know.
     */
    FLYMQ_LOG_INFO = 3,
    /**
     * What helps to find a mistake.
     */
    FLYMQ_LOG_DEBUG = 4,
    /**
     * Everything.
     */
    FLYMQ_LOG_TRACE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum flymq_log_level flymq_log_level;
#else
typedef int32_t flymq_log_level;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What the number beside a partition means.
 */
enum flymq_start
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The oldest record; the number does not count.
     */
    FLYMQ_START_EARLIEST = 1,
    /**
     * Behind the newest record; the number does not count.
     */
    FLYMQ_START_LATEST = 2,
    /**
     * An offset: of the first record to read, or, for commits, of the last one processed, −1 for
     * none.
     */
    FLYMQ_START_OFFSET = 3,
    /**
     * The first record of a time or later, in milliseconds since 1970.
     */
    FLYMQ_START_TIMESTAMP = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum flymq_start flymq_start;
#else
typedef int32_t flymq_start;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Records that were read. It never changes; any thread may read it.
 *
 * What its messages point to lives until the batch is freed, also when the client is closed before.
 * Whoever got it from a function frees it with flymq_batch_free(). One that belongs to an event is
 * freed with the event.
 */
typedef struct flymq_batch flymq_batch;

/**
 * A FlyMQ broker inside this process, listening on 127.0.0.1. Any thread may use it.
 */
typedef struct flymq_broker flymq_broker;

/**
 * A client of a FlyMQ broker, or of several that serve the same data. One is enough for a program:
 * any number of threads may use it at a time.
 *
 * A child of fork() cannot use what its parent has made, and gets CLOSED; it makes its own.
 */
typedef struct flymq_client flymq_client;

/**
 * Options to be. It may be used for any number of objects, and freed once they are made; they do
 * not notice later changes. Any thread may use it.
 */
typedef struct flymq_config flymq_config;

/**
 * Reads topics: together with the other members of a group, or partitions of its own choice.
 *
 * One thread polls; meanwhile any other may use the rest.
 */
typedef struct flymq_consumer flymq_consumer;

/**
 * What went wrong, where, and what to do about it. It never changes; any thread may read it.
 *
 * Functions that may fail return 0, which is FLYMQ_OK, or the code of the error. Their last
 * parameter is a place for the error itself, or NULL for who does not want it. That place is always
 * written, with NULL where nothing went wrong. The caller owns the error and frees it with
 * flymq_error_free().
 */
typedef struct flymq_error flymq_error;

/**
 * Something that has happened. It never changes; any thread may read it. What it points to lives as
 * long as it does: within a callback, until that returns; in what flymq_poll() returned, until
 * flymq_events_free().
 */
typedef struct flymq_event flymq_event;

/**
 * Events that flymq_poll() has taken from a queue. It never changes; any thread may read it.
 */
typedef struct flymq_events flymq_events;

/**
 * Keys to decrypt with, by their ids, and one of them to encrypt with. Clients whose configuration
 * was given it with flymq_config_set_keyring() notice what changes, so that keys can be rotated while
 * they run. Any thread may use it; keys are never shown.
 */
typedef struct flymq_keyring flymq_keyring;

/**
 * A record that was read. It belongs to its batch, and is never freed by itself.
 */
typedef struct flymq_message flymq_message;

/**
 * A list of partitions, each with a place in it. Functions that take one copy it; the caller frees
 * it with flymq_partitions_free(). Any thread may use it.
 */
typedef struct flymq_partitions flymq_partitions;

/**
 * Up to so many clients, each of which one borrower has at a time. One client serves any number of
 * threads; a pool is for who wants several connections, or a client for himself. Any thread may use
 * it.
 */
typedef struct flymq_pool flymq_pool;

/**
 * Sends records in batches, in order within a partition, each stored exactly once. Any number of
 * threads may use it.
 */
typedef struct flymq_producer flymq_producer;

/**
 * Events on their way to the application: what became of records and commits, records that were
 * read, changes of partitions, the log. Any thread may use it.
 *
 * Either the application takes events with flymq_poll(), for which the descriptor of flymq_queue_fd()
 * tells when, or a thread of the library calls a function for each: flymq_queue_serve().
 */
typedef struct flymq_queue flymq_queue;

/**
 * A record to produce. It may be sent any number of times and changed in between; sending copies
 * it. One thread at a time may change it. The caller frees it with flymq_record_free().
 */
typedef struct flymq_record flymq_record;

/**
 * Rows of an answer, with named columns; which ones, the function says that returns it. Later
 * versions may add columns. It never changes; any thread may read it.
 *
 * Whoever got it from a function frees it with flymq_table_free(). One that belongs to an event is
 * freed with the event.
 */
typedef struct flymq_table flymq_table;

/**
 * An open transaction. Any number of threads may send in it, until one has committed or aborted.
 */
typedef struct flymq_transaction flymq_transaction;

/**
 * Sends records in transactions, one at a time. Its name, the transactional id, stays the same when
 * the application restarts: a newer producer of a name puts the older one out of action. Any number of
 * threads may use it.
 */
typedef struct flymq_transactional_producer flymq_transactional_producer;

/**
 * Gives a key: the one of the id `wanted`, or for NULL the one to encrypt with now. It puts the key
 * into `key`, FLYMQ_KEY_BYTES of them, and if nothing is wanted the key's id into `id`, a string of up
 * to FLYMQ_KEY_ID_SIZE with its NUL; where that is left empty, the id follows from the key. Both are
 * wiped afterwards.
 *
 * It returns FLYMQ_OK; FLYMQ_ERROR_UNKNOWN_ENCRYPTION_KEY if there is no such key; or another code of
 * flymq_code, with which the call fails that sends or reads the record.
 *
 * It is asked for the key to encrypt with at every record, and for each other a few times: keep keys
 * at hand, since records wait for it. An id never comes to mean another key. It must return, and
 * neither throw nor jump out. Calls of this library that may fail do so within it, with
 * INVALID_ARGUMENT: they might wait for what waits for the key.
 */
typedef int32_t (*flymq_key_fn)(void *context,
                                const char *wanted,
                                char *id,
                                uint8_t *key);

/**
 * What is called once a `context` is not needed any more. May be NULL.
 */
typedef void (*flymq_drop_fn)(void *context);

/**
 * What is called for an event, with the `context` that was given along. The event is borrowed: it
 * lives until the function returns. It must return, and neither throw nor jump out.
 */
typedef void (*flymq_event_fn)(void *context,
                               const flymq_event *event);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Who the client's session belongs to, in one row: principal, mechanism, roles (with commas between),
 * expires_in_ms (0 for never).
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_whoami(const flymq_client *client,
                            flymq_table **table,
                            flymq_error **error);

/**
 * Creates a user, or changes it: what is NULL stays as it is. `password` is stretched here and never
 * sent. `roles` are `role_count` strings, borrowed for the call. `certificate` is the subject of the
 * client certificate that logs the user in, "" for none.
 *
 * Errors: NOT_AUTHORIZED without admin on the cluster; INVALID_ARGUMENT, also for a password that is
 * empty or has characters that RFC 4013 does not allow; TIMEOUT, CLOSED.
 */
FLYMQ_API
int32_t flymq_client_upsert_user(const flymq_client *client,
                                 const char *name,
                                 const char *password,
                                 const char *const *roles,
                                 size_t role_count,
                                 const char *certificate,
                                 flymq_error **error);

/**
 * Deletes a user, with the rules that name it.
 *
 * Errors: UNKNOWN_USER; NOT_AUTHORIZED without admin on the cluster; TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_delete_user(const flymq_client *client,
                                 const char *name,
                                 flymq_error **error);

/**
 * All users, a row each: name, roles (with commas between), has_password (0 or 1), certificate (the
 * subject of the client's certificate, or "").
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: NOT_AUTHORIZED without admin on the cluster; TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_list_users(const flymq_client *client,
                                flymq_table **table,
                                flymq_error **error);

/**
 * Adds a rule: `principal` ("user:NAME", "role:NAME" or "*") is allowed or denied (`permission`: "allow"
 * or "deny") an `operation` ("read", "write", "create", "delete", "alter", "describe" or "admin") on a
 * kind of `resource` ("topic", "group", "transactional_id" or "cluster") whose name matches `name` as the
 * `pattern` says ("literal" or "prefix").
 *
 * Errors: INVALID_REQUEST for other words; NOT_AUTHORIZED without admin on the cluster; TIMEOUT, CLOSED,
 * INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_add_acl(const flymq_client *client,
                             const char *principal,
                             const char *permission,
                             const char *operation,
                             const char *resource,
                             const char *pattern,
                             const char *name,
                             flymq_error **error);

/**
 * Removes the rules that agree with each word given; NULL agrees with all. `removed` gets how many
 * there were, and may be NULL.
 *
 * Errors: as flymq_client_add_acl().
 */
FLYMQ_API
int32_t flymq_client_remove_acls(const flymq_client *client,
                                 const char *principal,
                                 const char *permission,
                                 const char *operation,
                                 const char *resource,
                                 const char *pattern,
                                 const char *name,
                                 size_t *removed,
                                 flymq_error **error);

/**
 * The rules that agree with each word given, NULL agreeing with all, a row each: principal, permission,
 * operation, resource, pattern, name.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: NOT_AUTHORIZED without admin on the cluster; TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_list_acls(const flymq_client *client,
                               const char *principal,
                               const char *permission,
                               const char *operation,
                               const char *resource,
                               const char *pattern,
                               const char *name,
                               flymq_table **table,
                               flymq_error **error);

/**
 * Creates a topic with so many partitions, and the broker's defaults for all else.
 *
 * Errors: TOPIC_EXISTS, NOT_AUTHORIZED, INVALID_REQUEST for a name or a number that the broker does not
 * take; TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_create_topic(const flymq_client *client,
                                  const char *topic,
                                  uint32_t partitions,
                                  flymq_error **error);

/**
 * As flymq_client_create_topic(), with more to say. `replication` is how many brokers of a cluster keep
 * each record, 0 for its default. `names` and `values` are `count` options of the topic, such as
 * retention_ms, borrowed for the call; with a count of 0 they may be NULL. With `if_not_exists`, a topic
 * that is there is no error. `created` gets whether it is new, and may be NULL.
 *
 * Errors: as flymq_client_create_topic(); INVALID_REQUEST also for an option that the broker does not
 * take.
 */
FLYMQ_API
int32_t flymq_client_create_topic_with(const flymq_client *client,
                                       const char *topic,
                                       uint32_t partitions,
                                       uint16_t replication,
                                       const char *const *names,
                                       const char *const *values,
                                       size_t count,
                                       bool if_not_exists,
                                       bool *created,
                                       flymq_error **error);

/**
 * Deletes a topic with its records.
 *
 * Errors: UNKNOWN_TOPIC, NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_delete_topic(const flymq_client *client,
                                  const char *topic,
                                  flymq_error **error);

/**
 * All topics that the user may see, a row each: name, partitions.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_list_topics(const flymq_client *client,
                                 flymq_table **table,
                                 flymq_error **error);

/**
 * The partitions of a topic, a row each: partition, earliest (the offset of the oldest record), latest
 * (the offset behind the newest).
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: UNKNOWN_TOPIC, NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_describe_topic(const flymq_client *client,
                                    const char *topic,
                                    flymq_table **table,
                                    flymq_error **error);

/**
 * How many partitions a topic has. The answer of some time ago may do.
 *
 * Errors: UNKNOWN_TOPIC, TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_partition_count(const flymq_client *client,
                                     const char *topic,
                                     uint32_t *partitions,
                                     flymq_error **error);

/**
 * The options of a topic that are in force, a row each: name, value.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: as flymq_client_describe_topic().
 */
FLYMQ_API
int32_t flymq_client_topic_options(const flymq_client *client,
                                   const char *topic,
                                   flymq_table **table,
                                   flymq_error **error);

/**
 * Sets an option of a topic; NULL for `value` sets its default. Others stay as they are.
 *
 * Errors: UNKNOWN_TOPIC, NOT_AUTHORIZED, INVALID_REQUEST for an option that the broker does not take;
 * TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_alter_topic(const flymq_client *client,
                                 const char *topic,
                                 const char *name,
                                 const char *value,
                                 flymq_error **error);

/**
 * Gives a topic more partitions: `partitions` in all.
 *
 * Errors: UNKNOWN_TOPIC, NOT_AUTHORIZED, INVALID_REQUEST for fewer than there are; TIMEOUT, CLOSED,
 * INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_add_partitions(const flymq_client *client,
                                    const char *topic,
                                    uint32_t partitions,
                                    flymq_error **error);

/**
 * Where places in partitions are: the table has a row for each of `partitions`, in their
 * order: topic, partition, offset. A FLYMQ_START_OFFSET stands for itself. `isolation` is a
 * flymq_isolation, and counts for FLYMQ_START_LATEST.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: UNKNOWN_TOPIC, UNKNOWN_PARTITION, NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_list_offsets(const flymq_client *client,
                                  const flymq_partitions *partitions,
                                  int32_t isolation,
                                  flymq_table **table,
                                  flymq_error **error);

/**
 * The brokers that serve the data, a row each: id, host, port.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_brokers(const flymq_client *client,
                             flymq_table **table,
                             flymq_error **error);

/**
 * Starts a broker. `config` is of kind FLYMQ_CONFIG_BROKER, or NULL for the defaults: a free port, and
 * data in a temporary folder that is removed when the broker is closed.
 *
 * The caller frees the broker with flymq_broker_free().
 *
 * Errors: INVALID_ARGUMENT for options that are not valid; INTERNAL if the folder or the port cannot be
 * used; TLS_FAILED.
 */
FLYMQ_API
int32_t flymq_broker_start(const flymq_config *config,
                           flymq_broker **broker,
                           flymq_error **error);

/**
 * Where clients connect to, as "host:port". Lives as long as the broker; NULL for NULL.
 */
FLYMQ_API
const char *flymq_broker_address(const flymq_broker *broker);

/**
 * Stops a broker: requests under way end, the data is safe on the disk. Waits for at most `timeout_ms`, a
 * negative one for ever. Harmless when closed.
 *
 * Errors: TIMEOUT, INVALID_ARGUMENT for NULL.
 */
FLYMQ_API
int32_t flymq_broker_close(const flymq_broker *broker,
                           int64_t timeout_ms,
                           flymq_error **error);

/**
 * Frees a broker; one that is not closed is stopped at once. No other call with it may be under way.
 * NULL is harmless.
 */
FLYMQ_API
void flymq_broker_free(flymq_broker *broker);

/**
 * Connects. `addresses` is "host:port", several of them with commas between, or a flymq:// or
 * flymqs:// URL; NULL for the environment variable FLYMQ_BOOTSTRAP_SERVERS, else localhost:9092.
 * `config` is of kind FLYMQ_CONFIG_CLIENT, or NULL for the defaults. What it does not say of user,
 * password and encryption keys, the environment does: FLYMQ_USERNAME, FLYMQ_PASSWORD,
 * FLYMQ_PASSWORD_FILE, FLYMQ_ENCRYPTION_KEY, FLYMQ_ENCRYPTION_KEYRING. Waits for a broker's answer
 * for at most connect_timeout_ms.
 *
 * The caller frees the client with flymq_client_free().
 *
 * Errors: INVALID_ARGUMENT for addresses or options that are not valid; CONNECT_FAILED;
 * TLS_FAILED, TLS_REQUIRED; AUTH_REQUIRED, AUTH_FAILED, UNSUPPORTED_MECHANISM.
 */
FLYMQ_API
int32_t flymq_client_connect(const char *addresses,
                             const flymq_config *config,
                             flymq_client **client,
                             flymq_error **error);

/**
 * Reads the first record at or after an offset, as a batch of one; NULL at the end of the log.
 *
 * The caller frees the batch with flymq_batch_free().
 *
 * Errors: OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC, UNKNOWN_PARTITION, NOT_AUTHORIZED; DECRYPTION_FAILED and
 * UNKNOWN_ENCRYPTION_KEY for an encrypted record; TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_consume(const flymq_client *client,
                             const char *topic,
                             uint32_t partition,
                             uint64_t offset,
                             flymq_batch **batch,
                             flymq_error **error);

/**
 * Reads records of a partition from an offset on: at most `max_records`, 0 for 10,000, and roughly
 * `max_bytes`, 0 for 1 MiB. Until there are `min_bytes` of them, 0 for any, it waits up to `max_wait_ms`,
 * and gives NULL if there are none then. `isolation` is a flymq_isolation. Read on behind the last message's offset; offsets may have
 * gaps.
 *
 * The caller frees the batch with flymq_batch_free().
 *
 * Errors: as flymq_client_consume().
 */
FLYMQ_API
int32_t flymq_client_fetch(const flymq_client *client,
                           const char *topic,
                           uint32_t partition,
                           uint64_t offset,
                           size_t max_records,
                           uint32_t min_bytes,
                           uint32_t max_bytes,
                           int64_t max_wait_ms,
                           int32_t isolation,
                           flymq_batch **batch,
                           flymq_error **error);

/**
 * Asks the broker whether it is there. `micros` gets how many microseconds the answer took, and may
 * be NULL.
 *
 * Errors: TIMEOUT, CONNECT_FAILED, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_ping(const flymq_client *client,
                          uint64_t *micros,
                          flymq_error **error);

/**
 * What the broker says of itself, in one row: address, version, cluster_id.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: TIMEOUT, CONNECT_FAILED, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_broker(const flymq_client *client,
                            flymq_table **table,
                            flymq_error **error);

/**
 * What the client has counted up to now, a row each: name, value. Latencies are in microseconds.
 * Errors by code are named such as "errors.300"; of each operation there are requests, errors and
 * latencies, named such as "PRODUCE.latency_p99".
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_metrics(const flymq_client *client,
                             flymq_table **table,
                             flymq_error **error);

/**
 * Every address of a broker that the client knows, a row each: name, address (an IP address and a
 * port), learnt (1 if a broker has named it), in_use (1 for the one connected to last), circuit
 * ("closed", "open" or "half-open": whether the address is used), failures (in a row), last_error and
 * last_error_at (in milliseconds since 1970), which may be missing.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_endpoints(const flymq_client *client,
                               flymq_table **table,
                               flymq_error **error);

/**
 * Finishes what flymq_client_produce() has under way, aborts an open transaction of
 * flymq_client_begin(), and closes all connections. Producers and consumers of the client fail from
 * then on; close them before. Waits for at most `timeout_ms`, a negative one for ever. Calls under
 * way in other threads end with CLOSED. A client from a pool goes back instead, as with
 * flymq_client_free(). Harmless when closed.
 *
 * Errors: TIMEOUT; INVALID_ARGUMENT for NULL.
 */
FLYMQ_API
int32_t flymq_client_close(const flymq_client *client,
                           int64_t timeout_ms,
                           flymq_error **error);

/**
 * Frees a client; one that is not closed gives up what it has under way, within about a second. One
 * from a pool goes back, as soon as what was made from it is freed too. No other call with it may be
 * under way. What was made from it is freed by itself, before or after. NULL is harmless.
 */
FLYMQ_API
void flymq_client_free(flymq_client *client);

/**
 * How the cluster is, in one row: engine ("embedded", or "kafka" behind gateways), cluster_id,
 * partitions (how many there are, the engine's own included), under_replicated (how many of them have
 * fewer copies in sync than they should have), offline (how many cannot be used, because no node leads
 * them), healthy (1 if both are 0, else 0). flymq_client_brokers() names the brokers that are alive.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: NOT_AUTHORIZED without the permission to describe the cluster; TIMEOUT, CLOSED,
 * INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_cluster_status(const flymq_client *client,
                                    flymq_table **table,
                                    flymq_error **error);

/**
 * The engine's own nodes, such as those of Apache Kafka, a row each: id, host, port, controller (1 for
 * the one that was last known to control the cluster, else 0). No rows where the engine is within the
 * broker.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: as flymq_client_cluster_status().
 */
FLYMQ_API
int32_t flymq_client_cluster_nodes(const flymq_client *client,
                                   flymq_table **table,
                                   flymq_error **error);

/**
 * The partitions that are under-replicated or offline, up to 1,000, a row each: topic, partition,
 * leader (the node that leads it; not there if none does), replicas (the nodes that should have a copy,
 * such as "1,2,3"), in_sync (those of them whose copy is up to date).
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: as flymq_client_cluster_status().
 */
FLYMQ_API
int32_t flymq_client_cluster_troubled(const flymq_client *client,
                                      flymq_table **table,
                                      flymq_error **error);

/**
 * Makes a configuration without any option set. `kind` is a flymq_config_kind.
 *
 * The caller frees it with flymq_config_free().
 *
 * Errors: INVALID_ARGUMENT for another kind.
 */
FLYMQ_API
int32_t flymq_config_new(int32_t kind,
                         flymq_config **config,
                         flymq_error **error);

/**
 * Sets an option. Names, defaults and meanings: flymq_config_option(), or docs/options.md. Both
 * strings are copied.
 *
 * Errors: INVALID_ARGUMENT for a name that there is not. A client's value is looked at here too,
 * others are when the configuration is used.
 */
FLYMQ_API
int32_t flymq_config_set(const flymq_config *config,
                         const char *name,
                         const char *value,
                         flymq_error **error);

/**
 * Has clients encrypt and decrypt with a keyring, in place of the options of that. The keyring is
 * shared, not copied: clients notice what is changed of it later.
 *
 * Errors: INVALID_ARGUMENT for a configuration of another kind than FLYMQ_CONFIG_CLIENT.
 */
FLYMQ_API
int32_t flymq_config_set_keyring(const flymq_config *config,
                                 const flymq_keyring *keyring,
                                 flymq_error **error);

/**
 * Has clients ask a function for their keys, a key management service for instance, in place of
 * keyrings and of the options of that. `function` is called with `context`, on any thread and on
 * several at a time. `drop_context`, if not NULL, is called with `context` once, when neither this
 * configuration nor a client needs it any more; in a forked child, never.
 *
 * Errors: INVALID_ARGUMENT for a configuration of another kind than FLYMQ_CONFIG_CLIENT, and without
 * a function; then `drop_context` is not called.
 */
FLYMQ_API
int32_t flymq_config_set_key_source(const flymq_config *config,
                                    flymq_key_fn function,
                                    void *context,
                                    flymq_drop_fn drop_context,
                                    flymq_error **error);

/**
 * Frees a configuration. NULL is harmless.
 */
FLYMQ_API
void flymq_config_free(flymq_config *config);

/**
 * How many options there are of a kind, a flymq_config_kind. 0 for another kind.
 */
FLYMQ_API
size_t flymq_config_option_count(int32_t kind);

/**
 * Describes an option: its name; its value where it is not set, "" for none; what it does, in a
 * sentence; whether it must not be shown. Each place may be NULL. The strings are never freed. A
 * name that ends in `_ms` takes milliseconds, one in `_bytes` bytes, one in `_file` the path of a
 * file.
 *
 * Errors: INVALID_ARGUMENT for a kind or an index that there is not.
 */
FLYMQ_API
int32_t flymq_config_option(int32_t kind,
                            size_t index,
                            const char **name,
                            const char **default_value,
                            const char **doc,
                            bool *secret,
                            flymq_error **error);

/**
 * Makes a consumer, which reads nothing yet. `config` is of kind FLYMQ_CONFIG_CONSUMER, or NULL for the
 * defaults; its option group names the group, if there is to be one. `queue` may be NULL: it is for
 * flymq_consumer_start() and flymq_consumer_commit_async(). `tag` comes with the consumer's events.
 *
 * The caller frees the consumer with flymq_consumer_free().
 *
 * Errors: INVALID_ARGUMENT for options that are not valid; CLOSED.
 */
FLYMQ_API
int32_t flymq_consumer_new(const flymq_client *client,
                           const flymq_config *config,
                           const flymq_queue *queue,
                           void *tag,
                           flymq_consumer **consumer,
                           flymq_error **error);

/**
 * Reads these topics together with the other members of the group, and no others. Topics that do not
 * exist are read once they do. Joining goes on in the background, and while the consumer is polled.
 *
 * Errors: INVALID_ARGUMENT if the consumer has no group, or its partitions are assigned by hand;
 * INSTANCE_FENCED; CLOSED.
 */
FLYMQ_API
int32_t flymq_consumer_subscribe(const flymq_consumer *consumer,
                                 const char *const *topics,
                                 size_t count,
                                 flymq_error **error);

/**
 * As flymq_consumer_subscribe(), all topics whose whole names match a regular expression in RE2
 * syntax, now or later. What is wrong with a pattern is told by the next poll.
 */
FLYMQ_API
int32_t flymq_consumer_subscribe_pattern(const flymq_consumer *consumer,
                                         const char *pattern,
                                         flymq_error **error);

/**
 * Gives up all partitions, as in a rebalance, and leaves the group. The consumer may subscribe again.
 *
 * Errors: CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_consumer_unsubscribe(const flymq_consumer *consumer,
                                   flymq_error **error);

/**
 * Reads these partitions from now on, each from its place, and no others, without sharing them.
 *
 * Errors: UNKNOWN_TOPIC, UNKNOWN_PARTITION, INVALID_ARGUMENT for a partition that is named twice; then
 * the assignment stays as it was. INVALID_ARGUMENT too while the consumer is subscribed; CLOSED.
 */
FLYMQ_API
int32_t flymq_consumer_assign(const flymq_consumer *consumer,
                              const flymq_partitions *partitions,
                              flymq_error **error);

/**
 * The partitions that are read, a row each: topic, partition.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_consumer_assignment(const flymq_consumer *consumer,
                                  flymq_table **table,
                                  flymq_error **error);

/**
 * Has every change of the consumer's partitions told to `function`: by flymq_consumer_poll(),
 * flymq_consumer_unsubscribe() and flymq_consumer_close(), on the thread that calls them. It gets
 * FLYMQ_EVENT_ASSIGNED, _REVOKED and _LOST, and may call everything but those three. Partitions are
 * given up once it has returned.
 *
 * It takes the place of a function set before. `drop_context`, if not NULL, is called with `context`
 * when the function is not needed any more. NULL for `function` takes it away.
 *
 * Errors: CLOSED, INVALID_ARGUMENT; then `drop_context` is not called.
 */
FLYMQ_API
int32_t flymq_consumer_on_rebalance(const flymq_consumer *consumer,
                                    flymq_event_fn function,
                                    void *context,
                                    flymq_drop_fn drop_context,
                                    flymq_error **error);

/**
 * Gives records as soon as there are any, at most `max_records`; NULL, without an error, if there are
 * none within `timeout_ms`, for which a negative one is for ever. Coming back says that all records of
 * the call before are processed, as far as automatic commits are concerned; a member of a group has to
 * come back every max_poll_interval_ms.
 *
 * The caller frees the batch with flymq_batch_free(). One thread polls at a time.
 *
 * Errors: what reading met and will not pass by itself, such as UNKNOWN_TOPIC, OFFSET_OUT_OF_RANGE,
 * DECRYPTION_FAILED, NOT_AUTHORIZED, INSTANCE_FENCED. Lost connections are made again in the background.
 * CLOSED, also while it waits; INVALID_ARGUMENT while another call polls.
 */
FLYMQ_API
int32_t flymq_consumer_poll(const flymq_consumer *consumer,
                            size_t max_records,
                            int64_t timeout_ms,
                            flymq_batch **batch,
                            flymq_error **error);

/**
 * Has the consumer bring its records and changes of partitions as events of its queue, for good, in
 * place of flymq_consumer_poll(): at most `max_records` an event. It brings the next event once the
 * application has freed the one before, which says that it is processed.
 *
 * What is given up by flymq_consumer_close() brings no event.
 *
 * Errors: INVALID_ARGUMENT for a consumer without a queue, or one that is polled; CLOSED.
 */
FLYMQ_API
int32_t flymq_consumer_start(const flymq_consumer *consumer,
                             size_t max_records,
                             flymq_error **error);

/**
 * Gives up all partitions, telling of it as flymq_consumer_on_rebalance() says, commits what was
 * returned, if commits are automatic, and leaves the group, for at most `timeout_ms`; a negative one is
 * for ever. Other calls under way end with CLOSED. Harmless when closed.
 *
 * Errors: what became of the last commit; TIMEOUT; INVALID_ARGUMENT for NULL.
 */
FLYMQ_API
int32_t flymq_consumer_close(const flymq_consumer *consumer,
                             int64_t timeout_ms,
                             flymq_error **error);

/**
 * Frees a consumer; one that is not closed leaves its group in the background, and what it returned
 * last does not count as processed. No other call with it may be under way. NULL is harmless.
 */
FLYMQ_API
void flymq_consumer_free(flymq_consumer *consumer);

/**
 * The number of the error in the table of codes. Codes that this version does not know are passed
 * on as the broker sent them. 0 for NULL.
 */
FLYMQ_API
int32_t flymq_error_code(const flymq_error *error);

/**
 * The code's stable name, such as "UNKNOWN_TOPIC". Lives as long as the error; NULL for NULL.
 */
FLYMQ_API
const char *flymq_error_name(const flymq_error *error);

/**
 * What happened, for a person. Lives as long as the error; NULL for NULL.
 */
FLYMQ_API
const char *flymq_error_message(const flymq_error *error);

/**
 * What to do next, in one sentence. Lives as long as the error; NULL for NULL.
 */
FLYMQ_API
const char *flymq_error_hint(const flymq_error *error);

/**
 * What was being done, such as "produce". Lives as long as the error; NULL for NULL.
 */
FLYMQ_API
const char *flymq_error_operation(const flymq_error *error);

/**
 * Whether the same call may succeed if it is made again. False for NULL.
 */
FLYMQ_API
bool flymq_error_is_retriable(const flymq_error *error);

/**
 * Whether what the call was made on can do nothing more, and is to be closed. False for NULL.
 */
FLYMQ_API
bool flymq_error_is_fatal(const flymq_error *error);

/**
 * Whether nothing will come of the transaction that the call was made on: it is to be aborted.
 * False for NULL.
 */
FLYMQ_API
bool flymq_error_txn_requires_abort(const flymq_error *error);

/**
 * Whether the transaction may succeed if it is run again from its beginning. True only if
 * flymq_error_txn_requires_abort() is. False for NULL.
 */
FLYMQ_API
bool flymq_error_txn_is_repeatable(const flymq_error *error);

/**
 * Frees an error that a function gave to the caller. Not for errors borrowed from an event. NULL is
 * harmless.
 */
FLYMQ_API
void flymq_error_free(flymq_error *error);

/**
 * What the event tells, a flymq_event_kind. FLYMQ_EVENT_NONE for NULL.
 */
FLYMQ_API
int32_t flymq_event_type(const flymq_event *event);

/**
 * The tag given with the call that the event answers: to flymq_producer_send(),
 * flymq_consumer_commit_async() or flymq_consumer_new(). NULL for NULL.
 */
FLYMQ_API
void *flymq_event_tag(const flymq_event *event);

/**
 * FLYMQ_OK, or the code of the error that the event tells of. FLYMQ_OK for NULL.
 */
FLYMQ_API
int32_t flymq_event_code(const flymq_event *event);

/**
 * The error that the event tells of, which lives as long as the event. NULL if there is none.
 */
FLYMQ_API
const flymq_error *flymq_event_error(const flymq_event *event);

/**
 * Of a delivery: the topic. It lives as long as the event; NULL for other events.
 */
FLYMQ_API
const char *flymq_event_topic(const flymq_event *event);

/**
 * Of a delivery that succeeded: the partition. 0 for other events.
 */
FLYMQ_API
uint32_t flymq_event_partition(const flymq_event *event);

/**
 * Of a delivery that succeeded: where in the partition the record is. 0 for other events.
 */
FLYMQ_API
uint64_t flymq_event_offset(const flymq_event *event);

/**
 * Of a delivery that succeeded: the record's timestamp, in milliseconds since 1970. 0 for other
 * events.
 */
FLYMQ_API
int64_t flymq_event_timestamp(const flymq_event *event);

/**
 * Of FLYMQ_EVENT_RECORDS: the records. It lives as long as the event; NULL for other events.
 */
FLYMQ_API
const flymq_batch *flymq_event_batch(const flymq_event *event);

/**
 * Of FLYMQ_EVENT_ASSIGNED, _REVOKED and _LOST: the partitions, with the columns topic and partition.
 * It lives as long as the event; NULL for other events.
 */
FLYMQ_API
const flymq_table *flymq_event_partitions(const flymq_event *event);

/**
 * Of FLYMQ_EVENT_LOG: the text of the line. It lives as long as the event; NULL for other events.
 */
FLYMQ_API
const char *flymq_event_log(const flymq_event *event);

/**
 * Of FLYMQ_EVENT_LOG: how grave it is, a flymq_log_level. 0 for other events.
 */
FLYMQ_API
int32_t flymq_event_log_level(const flymq_event *event);

/**
 * How many events there are. 0 for NULL.
 */
FLYMQ_API
size_t flymq_events_count(const flymq_events *events);

/**
 * An event, counted from 0; it lives until flymq_events_free(). NULL for one that there is not.
 */
FLYMQ_API
const flymq_event *flymq_events_get(const flymq_events *events,
                                    size_t index);

/**
 * Frees events. That also says that the application is done with what a consumer brought: it then
 * goes on, and gives partitions up that it is to give up. NULL is harmless.
 */
FLYMQ_API
void flymq_events_free(flymq_events *events);

/**
 * The groups that have members or committed offsets, a row each: group, state ("empty", "rebalancing"
 * or "stable"), members.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_list_groups(const flymq_client *client,
                                 flymq_table **table,
                                 flymq_error **error);

/**
 * A group, in one row: group, state, generation, assignor, members.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: UNKNOWN_GROUP, NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_describe_group(const flymq_client *client,
                                    const char *group,
                                    flymq_table **table,
                                    flymq_error **error);

/**
 * The members of a group, a row each: member_id, instance_id (or nothing), client_id, address,
 * generation, pattern (or nothing).
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: as flymq_client_describe_group().
 */
FLYMQ_API
int32_t flymq_client_group_members(const flymq_client *client,
                                   const char *group,
                                   flymq_table **table,
                                   flymq_error **error);

/**
 * Who holds the partitions of a group, a row each: member_id, topic, partition.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: as flymq_client_describe_group().
 */
FLYMQ_API
int32_t flymq_client_group_assignments(const flymq_client *client,
                                       const char *group,
                                       flymq_table **table,
                                       flymq_error **error);

/**
 * Deletes a group that has no members, with its offsets.
 *
 * Errors: UNKNOWN_GROUP, GROUP_NOT_EMPTY, NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_delete_group(const flymq_client *client,
                                  const char *group,
                                  flymq_error **error);

/**
 * All that a group has committed, a row each: topic, partition, offset (the last one processed, −1 for
 * none), metadata. No row for a group that is not known.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_group_offsets(const flymq_client *client,
                                   const char *group,
                                   flymq_table **table,
                                   flymq_error **error);

/**
 * Has a group that has no members go on somewhere else in all partitions of a topic: `start` is a
 * flymq_start, and says what `number` means.
 *
 * Errors: UNKNOWN_TOPIC, GROUP_NOT_EMPTY, OFFSET_OUT_OF_RANGE for an offset that is not in the log,
 * NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_reset_group_offsets(const flymq_client *client,
                                         const char *group,
                                         const char *topic,
                                         int32_t start,
                                         int64_t number,
                                         flymq_error **error);

/**
 * How far a group is behind, a row for each partition that it has committed or a member holds: topic,
 * partition, committed (or nothing), end, lag (or nothing).
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: NOT_AUTHORIZED, TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_group_lag(const flymq_client *client,
                               const char *group,
                               flymq_table **table,
                               flymq_error **error);

/**
 * Makes a keyring with a key, which encrypts. `key` is 32 bytes as base64 or hex; both strings are
 * copied.
 *
 * The caller frees it with flymq_keyring_free(), at any time: clients keep what they use.
 *
 * Errors: INVALID_ARGUMENT for what is no key or no id.
 */
FLYMQ_API
int32_t flymq_keyring_new(const char *id,
                          const char *key,
                          flymq_keyring **keyring,
                          flymq_error **error);

/**
 * Adds a key to decrypt with, as flymq_keyring_new() takes it.
 *
 * Errors: INVALID_ARGUMENT for what is no key or no id, and if another key has this id.
 */
FLYMQ_API
int32_t flymq_keyring_add(const flymq_keyring *keyring,
                          const char *id,
                          const char *key,
                          flymq_error **error);

/**
 * Encrypts with the key of this id from now on.
 *
 * Errors: INVALID_ARGUMENT if there is no such key.
 */
FLYMQ_API
int32_t flymq_keyring_encrypt_with(const flymq_keyring *keyring,
                                   const char *id,
                                   flymq_error **error);

/**
 * The ids of all keys, a row each, in their order: id.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_keyring_ids(const flymq_keyring *keyring,
                          flymq_table **table,
                          flymq_error **error);

/**
 * Frees a keyring. NULL is harmless.
 */
FLYMQ_API
void flymq_keyring_free(flymq_keyring *keyring);

/**
 * Makes a random key and puts it into `key` as base64 with a NUL behind: 45 bytes. `size` is how many
 * there is room for.
 *
 * Errors: INVALID_ARGUMENT without room for it.
 */
FLYMQ_API
int32_t flymq_generate_key(char *key,
                           size_t size,
                           flymq_error **error);

/**
 * Has the log of this library, of all clients and brokers in the process, brought by a queue as
 * FLYMQ_EVENT_LOG, up to `level`, a flymq_log_level. At most 10,000 lines wait there; what comes then
 * is dropped and counted. NULL for the queue ends it, as does closing that. Nothing is logged before.
 *
 * Errors: INVALID_ARGUMENT for another level; CLOSED for a queue that is closed.
 */
FLYMQ_API
int32_t flymq_log_to(const flymq_queue *queue,
                     int32_t level,
                     flymq_error **error);

/**
 * How many messages there are. 0 for NULL.
 */
FLYMQ_API
size_t flymq_batch_count(const flymq_batch *batch);

/**
 * A message, counted from 0; it lives as long as the batch. NULL for one that there is not.
 */
FLYMQ_API
const flymq_message *flymq_batch_message(const flymq_batch *batch,
                                         size_t index);

/**
 * Frees a batch that a function gave to the caller, with all that its messages point to. Not for one
 * borrowed from an event. NULL is harmless.
 */
FLYMQ_API
void flymq_batch_free(flymq_batch *batch);

/**
 * The topic. It lives as long as the batch; NULL for NULL.
 */
FLYMQ_API
const char *flymq_message_topic(const flymq_message *message);

/**
 * The partition. 0 for NULL.
 */
FLYMQ_API
uint32_t flymq_message_partition(const flymq_message *message);

/**
 * The position in the partition. 0 for NULL.
 */
FLYMQ_API
uint64_t flymq_message_offset(const flymq_message *message);

/**
 * When it happened, in milliseconds since 1970. 0 for NULL.
 */
FLYMQ_API
int64_t flymq_message_timestamp(const flymq_message *message);

/**
 * The key, which does not end with a NUL; `len` gets its length. It is not copied, and lives as long as
 * the batch. NULL and 0 for a message without a key, and for NULL.
 */
FLYMQ_API
const void *flymq_message_key(const flymq_message *message,
                              size_t *len);

/**
 * The value, which does not end with a NUL; `len` gets its length. It is not copied, and lives as long
 * as the batch. NULL and 0 for a message without a value, which marks its key as deleted, and for NULL.
 */
FLYMQ_API
const void *flymq_message_value(const flymq_message *message,
                                size_t *len);

/**
 * How many headers there are. 0 for NULL.
 */
FLYMQ_API
size_t flymq_message_header_count(const flymq_message *message);

/**
 * A header, counted from 0, as views that do not end with a NUL; NULL and 0 for a value that there
 * is not. Each place may be NULL.
 *
 * Errors: INVALID_ARGUMENT for a header that there is not.
 */
FLYMQ_API
int32_t flymq_message_header(const flymq_message *message,
                             size_t index,
                             const char **name,
                             size_t *name_len,
                             const void **value,
                             size_t *value_len,
                             flymq_error **error);

/**
 * Goes on reading a partition elsewhere: `start` is a flymq_start, and says what `number` means. What was
 * read ahead is dropped; nothing is committed.
 *
 * Errors: INVALID_ARGUMENT, also for a partition that is not assigned; CLOSED.
 */
FLYMQ_API
int32_t flymq_consumer_seek(const flymq_consumer *consumer,
                            const char *topic,
                            uint32_t partition,
                            int32_t start,
                            int64_t number,
                            flymq_error **error);

/**
 * The offset of the next record that will be returned from a partition.
 *
 * Errors: INVALID_ARGUMENT, also for a partition that is not assigned; CLOSED.
 */
FLYMQ_API
int32_t flymq_consumer_position(const flymq_consumer *consumer,
                                const char *topic,
                                uint32_t partition,
                                uint64_t *position,
                                flymq_error **error);

/**
 * How many offsets lie between a partition's position and its end, as of the last fetch: an upper
 * bound of the records to come; −1 before the first fetch.
 *
 * Errors: INVALID_ARGUMENT, also for a partition that is not assigned; CLOSED.
 */
FLYMQ_API
int32_t flymq_consumer_lag(const flymq_consumer *consumer,
                           const char *topic,
                           uint32_t partition,
                           int64_t *lag,
                           flymq_error **error);

/**
 * Returns no records of a partition until flymq_consumer_resume(). What was read ahead is kept.
 *
 * Errors: INVALID_ARGUMENT, also for a partition that is not assigned; CLOSED.
 */
FLYMQ_API
int32_t flymq_consumer_pause(const flymq_consumer *consumer,
                             const char *topic,
                             uint32_t partition,
                             flymq_error **error);

/**
 * Ends a flymq_consumer_pause().
 *
 * Errors: INVALID_ARGUMENT, also for a partition that is not assigned; CLOSED.
 */
FLYMQ_API
int32_t flymq_consumer_resume(const flymq_consumer *consumer,
                              const char *topic,
                              uint32_t partition,
                              flymq_error **error);

/**
 * Commits all records that were returned, and waits until that is stored.
 *
 * Errors: STALE_GENERATION if partitions were taken from this consumer, whose records others process
 * again then; INSTANCE_FENCED; GROUP_NOT_EMPTY if partitions are assigned by hand while the group has
 * members; STORAGE_FULL; INVALID_ARGUMENT without a group; TIMEOUT, CLOSED.
 */
FLYMQ_API
int32_t flymq_consumer_commit(const flymq_consumer *consumer,
                              flymq_error **error);

/**
 * Commits that a message, and all before it in its partition, is processed, and waits until that is
 * stored.
 *
 * Errors: as flymq_consumer_commit().
 */
FLYMQ_API
int32_t flymq_consumer_commit_message(const flymq_consumer *consumer,
                                      const flymq_message *message,
                                      flymq_error **error);

/**
 * Commits offsets, each the last one processed of its partition, given as FLYMQ_START_OFFSET, and
 * waits until they are stored.
 *
 * Errors: as flymq_consumer_commit().
 */
FLYMQ_API
int32_t flymq_consumer_commit_offsets(const flymq_consumer *consumer,
                                      const flymq_partitions *offsets,
                                      flymq_error **error);

/**
 * As flymq_consumer_commit(), without waiting: what becomes of it comes as a FLYMQ_EVENT_COMMIT with
 * this `tag`, exactly once, if the consumer has a queue. Commits are stored in the order in which they
 * are begun.
 *
 * Errors: CLOSED, INVALID_ARGUMENT; then there is no event.
 */
FLYMQ_API
int32_t flymq_consumer_commit_async(const flymq_consumer *consumer,
                                    void *tag,
                                    flymq_error **error);

/**
 * As flymq_consumer_commit_offsets(), without waiting, as flymq_consumer_commit_async().
 */
FLYMQ_API
int32_t flymq_consumer_commit_offsets_async(const flymq_consumer *consumer,
                                            const flymq_partitions *offsets,
                                            void *tag,
                                            flymq_error **error);

/**
 * What the group has committed of these partitions, or, for NULL, of those that are read, a row each:
 * topic, partition, offset (the last one processed, −1 for none), metadata. Those without a commit are
 * left out. The places in `partitions` do not count.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: UNKNOWN_TOPIC, UNKNOWN_PARTITION; INVALID_ARGUMENT without a group; TIMEOUT, CLOSED.
 */
FLYMQ_API
int32_t flymq_consumer_committed(const flymq_consumer *consumer,
                                 const flymq_partitions *partitions,
                                 flymq_table **table,
                                 flymq_error **error);

/**
 * Goes back to what is committed, or to where reading began where nothing is, so that records whose
 * transaction was aborted are returned once more.
 *
 * Errors: as flymq_consumer_committed().
 */
FLYMQ_API
int32_t flymq_consumer_rewind(const flymq_consumer *consumer,
                              flymq_error **error);

/**
 * Makes an empty list. The caller frees it with flymq_partitions_free().
 *
 * Errors: INVALID_ARGUMENT for NULL.
 */
FLYMQ_API
int32_t flymq_partitions_new(flymq_partitions **partitions,
                             flymq_error **error);

/**
 * Adds a partition of a topic, and a place in it: `start` is a flymq_start, and says what `number`
 * means. The topic's name is copied. Whether the place makes sense is looked at when the list is used.
 *
 * Errors: INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_partitions_add(const flymq_partitions *partitions,
                             const char *topic,
                             uint32_t partition,
                             int32_t start,
                             int64_t number,
                             flymq_error **error);

/**
 * Frees a list. NULL is harmless.
 */
FLYMQ_API
void flymq_partitions_free(flymq_partitions *partitions);

/**
 * Makes a pool of up to `size` clients, 1 to 10,000, which connect when they are first needed.
 * `addresses` and `config` are as for flymq_client_connect(), and are looked at here.
 *
 * The caller frees the pool with flymq_pool_free().
 *
 * Errors: INVALID_ARGUMENT for such a size, and for addresses or options that are not valid.
 */
FLYMQ_API
int32_t flymq_pool_new(const char *addresses,
                       const flymq_config *config,
                       size_t size,
                       flymq_pool **pool,
                       flymq_error **error);

/**
 * Borrows a client: one that was given back, else a new one. While all are borrowed it waits, for at
 * most `timeout_ms`, a negative one for ever; who waits longest is served first.
 *
 * The caller frees the client with flymq_client_free(), which gives it back. That may be after the pool
 * is freed.
 *
 * Errors: TIMEOUT if none came back in time; CLOSED; those of flymq_client_connect().
 */
FLYMQ_API
int32_t flymq_pool_get(const flymq_pool *pool,
                       int64_t timeout_ms,
                       flymq_client **client,
                       flymq_error **error);

/**
 * How many clients are borrowed.
 *
 * Errors: CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_pool_borrowed(const flymq_pool *pool,
                            size_t *count,
                            flymq_error **error);

/**
 * Closes the clients that nobody has; those that are borrowed end when they are given back. Waits for
 * at most `timeout_ms`, a negative one for ever. Calls that wait for a client end with CLOSED.
 * Harmless when closed.
 *
 * Errors: TIMEOUT; INVALID_ARGUMENT for NULL.
 */
FLYMQ_API
int32_t flymq_pool_close(const flymq_pool *pool,
                         int64_t timeout_ms,
                         flymq_error **error);

/**
 * Frees a pool; the clients that are borrowed remain, until they are freed. No other call with it may
 * be under way. NULL is harmless.
 */
FLYMQ_API
void flymq_pool_free(flymq_pool *pool);

/**
 * Sends a record with a key and a value and waits until it is stored, as durably as the broker is
 * configured. `partition` and `offset` get where it is; each may be NULL. NULL with a length of 0 is no
 * key, or no value, which marks the key as deleted. Records of one key go to one partition; without a
 * key they go round.
 *
 * Many threads at once share batches. For high rates make a producer.
 *
 * Errors: UNKNOWN_TOPIC, UNKNOWN_PARTITION, RECORD_TOO_LARGE, STORAGE_FULL, NOT_AUTHORIZED, TIMEOUT,
 * CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_client_produce(const flymq_client *client,
                             const char *topic,
                             const void *key,
                             size_t key_len,
                             const void *value,
                             size_t value_len,
                             uint32_t *partition,
                             uint64_t *offset,
                             flymq_error **error);

/**
 * As flymq_client_produce(), for a key and a value that are strings; each may be NULL.
 *
 * Errors: as flymq_client_produce().
 */
FLYMQ_API
int32_t flymq_client_produce_text(const flymq_client *client,
                                  const char *topic,
                                  const char *key,
                                  const char *value,
                                  flymq_error **error);

/**
 * As flymq_client_produce(), for a record that may have headers, a partition and a timestamp.
 */
FLYMQ_API
int32_t flymq_client_produce_record(const flymq_client *client,
                                    const char *topic,
                                    const flymq_record *record,
                                    uint32_t *partition,
                                    uint64_t *offset,
                                    flymq_error **error);

/**
 * Sends `count` records to a topic and waits until all are stored. They share batches, and need few
 * requests. `table` gets a row for each, in their order: partition, offset, timestamp.
 *
 * The caller frees the table with flymq_table_free().
 *
 * Errors: as flymq_client_produce(), of the first record that fails; some of the others may be stored.
 */
FLYMQ_API
int32_t flymq_client_produce_batch(const flymq_client *client,
                                   const char *topic,
                                   const flymq_record *const *records,
                                   size_t count,
                                   flymq_table **table,
                                   flymq_error **error);

/**
 * Makes a producer. `config` is of kind FLYMQ_CONFIG_PRODUCER, or NULL for the defaults. With a
 * `queue`, it brings a FLYMQ_EVENT_DELIVERY for each record that was taken in, exactly one, also when
 * the producer or the client is closed before; without one (NULL), records are sent without a word.
 *
 * The caller frees the producer with flymq_producer_free().
 *
 * Errors: INVALID_ARGUMENT for options that are not valid; CLOSED.
 */
FLYMQ_API
int32_t flymq_producer_new(const flymq_client *client,
                           const flymq_config *config,
                           const flymq_queue *queue,
                           flymq_producer **producer,
                           flymq_error **error);

/**
 * Takes a record with a key and a value in, both copied, and returns as soon as there is room for it:
 * it waits while `buffer_bytes` of records are unacknowledged. `tag` comes back with the record's
 * event. NULL with a length of 0 is no key, or no value, which marks the key as deleted.
 *
 * Errors, after which the record is not sent and has no event: UNKNOWN_TOPIC, UNKNOWN_PARTITION,
 * RECORD_TOO_LARGE, CLOSED, INVALID_ARGUMENT; BUFFER_FULL if a million events wait to be polled.
 */
FLYMQ_API
int32_t flymq_producer_send(const flymq_producer *producer,
                            const char *topic,
                            const void *key,
                            size_t key_len,
                            const void *value,
                            size_t value_len,
                            void *tag,
                            flymq_error **error);

/**
 * As flymq_producer_send(), but does not wait for room. It may wait once to learn a topic's partitions.
 *
 * Errors: BUFFER_FULL, and those of flymq_producer_send().
 */
FLYMQ_API
int32_t flymq_producer_try_send(const flymq_producer *producer,
                                const char *topic,
                                const void *key,
                                size_t key_len,
                                const void *value,
                                size_t value_len,
                                void *tag,
                                flymq_error **error);

/**
 * As flymq_producer_send(), for a record that may have headers, a partition and a timestamp.
 */
FLYMQ_API
int32_t flymq_producer_send_record(const flymq_producer *producer,
                                   const char *topic,
                                   const flymq_record *record,
                                   void *tag,
                                   flymq_error **error);

/**
 * As flymq_producer_try_send(), for a record that may have headers, a partition and a timestamp.
 */
FLYMQ_API
int32_t flymq_producer_try_send_record(const flymq_producer *producer,
                                       const char *topic,
                                       const flymq_record *record,
                                       void *tag,
                                       flymq_error **error);

/**
 * Learns a topic's partitions, so that not even the first flymq_producer_try_send() waits for that.
 *
 * Errors: UNKNOWN_TOPIC, TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_producer_prepare(const flymq_producer *producer,
                               const char *topic,
                               flymq_error **error);

/**
 * Sends what was taken in without further delay, and waits until each record is stored or given up,
 * for at most `timeout_ms`; a negative one is for ever. What became of them, their events tell.
 *
 * Errors: TIMEOUT, CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_producer_flush(const flymq_producer *producer,
                             int64_t timeout_ms,
                             flymq_error **error);

/**
 * Takes no more records in and sends what is left, for at most `timeout_ms`; a negative one is for
 * ever. Gives up what is left then. Harmless when closed.
 *
 * Errors: TIMEOUT if something was given up; INVALID_ARGUMENT for NULL.
 */
FLYMQ_API
int32_t flymq_producer_close(const flymq_producer *producer,
                             int64_t timeout_ms,
                             flymq_error **error);

/**
 * Frees a producer; one that is not closed sends what is left in the background, while its client is
 * there. No other call with it may be under way. NULL is harmless.
 */
FLYMQ_API
void flymq_producer_free(flymq_producer *producer);

/**
 * Makes an event queue.
 *
 * The caller frees it with flymq_queue_free(). Producers and consumers made with it may outlive it:
 * what they have to tell is lost then.
 *
 * Errors: INVALID_ARGUMENT for NULL.
 */
FLYMQ_API
int32_t flymq_queue_new(flymq_queue **queue,
                        flymq_error **error);

/**
 * Waits for events and takes at most `max` of them, at least 1. `timeout_ms` is in milliseconds: 0
 * does not wait, a negative one waits for ever. Gives NULL, without an error, when the time is up
 * or flymq_wake() was called.
 *
 * The caller frees the events with flymq_events_free(). Any number of threads may poll.
 *
 * Errors: CLOSED, also while it waits; INVALID_ARGUMENT while a thread serves the queue.
 */
FLYMQ_API
int32_t flymq_poll(const flymq_queue *queue,
                   size_t max,
                   int64_t timeout_ms,
                   flymq_events **events,
                   flymq_error **error);

/**
 * Has one flymq_poll() that waits, or else the next one, return without events.
 *
 * Errors: CLOSED, INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_wake(const flymq_queue *queue,
                   flymq_error **error);

/**
 * A file descriptor that is readable while flymq_poll() would return at once: for poll(), epoll,
 * libuv and their like. Only wait for it: do not read, write or close it. It lives as long as the
 * queue.
 *
 * Errors: INTERNAL if the operating system gives no descriptor.
 */
FLYMQ_API
int32_t flymq_queue_fd(const flymq_queue *queue,
                       int32_t *fd,
                       flymq_error **error);

/**
 * Starts a thread that takes the events and calls `function` with `context` for each, one after the
 * other, until the queue is closed. Then it calls `drop_context`, if that is not NULL, once.
 *
 * The thread has all signals blocked. The function may call everything of this library; if it waits
 * for long, other events wait too.
 *
 * Errors: INVALID_ARGUMENT without a function, or if a thread serves the queue already; then
 * `drop_context` is not called.
 */
FLYMQ_API
int32_t flymq_queue_serve(const flymq_queue *queue,
                          flymq_event_fn function,
                          void *context,
                          flymq_drop_fn drop_context,
                          flymq_error **error);

/**
 * Closes a queue: events that wait are forgotten, a flymq_poll() that waits returns CLOSED, and a
 * thread that serves the queue ends, which is waited for unless this is that thread. Harmless when
 * closed.
 *
 * Errors: INVALID_ARGUMENT for NULL; CLOSED in a child of fork().
 */
FLYMQ_API
int32_t flymq_queue_close(const flymq_queue *queue,
                          flymq_error **error);

/**
 * Closes a queue, and frees it. No other call with it may be under way. NULL is harmless.
 */
FLYMQ_API
void flymq_queue_free(flymq_queue *queue);

/**
 * Makes a record with a key and a value, both copied. NULL with a length of 0 stands for none: a
 * record without a value marks its key as deleted.
 *
 * The caller frees it with flymq_record_free().
 *
 * Errors: INVALID_ARGUMENT for NULL with a length; RECORD_TOO_LARGE.
 */
FLYMQ_API
int32_t flymq_record_new(const void *key,
                         size_t key_len,
                         const void *value,
                         size_t value_len,
                         flymq_record **out,
                         flymq_error **error);

/**
 * Makes a record from a message, to send it on: with its key, value, headers and timestamp. One that
 * was read encrypted (option decrypt=false) is sent on as it is.
 *
 * The caller frees it with flymq_record_free().
 *
 * Errors: INVALID_ARGUMENT for NULL.
 */
FLYMQ_API
int32_t flymq_record_from_message(const flymq_message *message,
                                  flymq_record **out,
                                  flymq_error **error);

/**
 * Adds a header; name and value are copied. Names may repeat and keep their order. NULL with a
 * length of 0 is a header without a value.
 *
 * Errors: INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_record_add_header(flymq_record *record,
                                const char *name,
                                const void *value,
                                size_t value_len,
                                flymq_error **error);

/**
 * Sends the record to this partition, whatever its key.
 *
 * Errors: INVALID_ARGUMENT for NULL.
 */
FLYMQ_API
int32_t flymq_record_set_partition(flymq_record *record,
                                   uint32_t partition,
                                   flymq_error **error);

/**
 * Says when it happened, in milliseconds since 1970. Otherwise that is when it is sent.
 *
 * Errors: INVALID_ARGUMENT for NULL.
 */
FLYMQ_API
int32_t flymq_record_set_timestamp(flymq_record *record,
                                   int64_t timestamp,
                                   flymq_error **error);

/**
 * Frees a record. NULL is harmless.
 */
FLYMQ_API
void flymq_record_free(flymq_record *record);

/**
 * How many rows there are. 0 for NULL.
 */
FLYMQ_API
size_t flymq_table_rows(const flymq_table *table);

/**
 * The value of a column that holds strings. Lives as long as the table; NULL for a value that is not
 * there, a number, a row or a column that there is not, and for NULL.
 */
FLYMQ_API
const char *flymq_table_text(const flymq_table *table,
                             size_t row,
                             const char *column);

/**
 * The value of a column that holds numbers. Numbers beyond 2^63 − 1 are given as that.
 *
 * Errors: INVALID_ARGUMENT for a value that is not there, a string, and a row or a column that there
 * is not.
 */
FLYMQ_API
int32_t flymq_table_number(const flymq_table *table,
                           size_t row,
                           const char *column,
                           int64_t *number,
                           flymq_error **error);

/**
 * How many columns there are. 0 for NULL.
 */
FLYMQ_API
size_t flymq_table_columns(const flymq_table *table);

/**
 * Frees a table that a function gave to the caller. Not for one borrowed from an event. NULL is
 * harmless.
 */
FLYMQ_API
void flymq_table_free(flymq_table *table);

/**
 * Makes a transactional producer, and fences older ones of its name. `config` is of kind
 * FLYMQ_CONFIG_TRANSACTIONAL_PRODUCER, or NULL for the defaults.
 *
 * The caller frees it with flymq_transactional_producer_free().
 *
 * Errors: INVALID_ARGUMENT for options or a name that are not valid; UNSUPPORTED_OPERATION from a broker
 * without transactions; NOT_AUTHORIZED, TIMEOUT, CLOSED.
 */
FLYMQ_API
int32_t flymq_transactional_producer_new(const flymq_client *client,
                                         const char *transactional_id,
                                         const flymq_config *config,
                                         flymq_transactional_producer **producer,
                                         flymq_error **error);

/**
 * Begins a transaction. Waits for the end of the one before, if that is under way.
 *
 * The caller frees it with flymq_transaction_free(), which aborts it unless it has ended.
 *
 * Errors: INVALID_TXN_STATE while another transaction of this producer is open; PRODUCER_FENCED, for
 * good, once there is a newer producer of this name; CLOSED; TIMEOUT, CONNECT_FAILED.
 */
FLYMQ_API
int32_t flymq_transactional_producer_begin(const flymq_transactional_producer *producer,
                                           flymq_transaction **transaction,
                                           flymq_error **error);

/**
 * Takes no more records in and aborts the transaction that is open, for at most `timeout_ms`; a
 * negative one is for ever. Harmless when closed.
 *
 * Errors: TIMEOUT if no broker could be told: it will abort by itself when the transaction's time is
 * up; INVALID_ARGUMENT for NULL.
 */
FLYMQ_API
int32_t flymq_transactional_producer_close(const flymq_transactional_producer *producer,
                                           int64_t timeout_ms,
                                           flymq_error **error);

/**
 * Frees a transactional producer; its transaction is freed by itself, before or after. No other call
 * with it may be under way. NULL is harmless.
 */
FLYMQ_API
void flymq_transactional_producer_free(flymq_transactional_producer *producer);

/**
 * Begins a transaction of a producer that the client keeps for that, one at a time; the client's
 * option transactional_id names it.
 *
 * The caller frees it with flymq_transaction_free(), which aborts it unless it has ended.
 *
 * Errors: as flymq_transactional_producer_new() and flymq_transactional_producer_begin().
 */
FLYMQ_API
int32_t flymq_client_begin(const flymq_client *client,
                           flymq_transaction **transaction,
                           flymq_error **error);

/**
 * Takes a record with a key and a value in, both copied, and returns as soon as there is room for it.
 * A transaction of which a record failed later does not commit. NULL with a length of 0 is no key, or
 * no value.
 *
 * Errors: those of flymq_producer_send(), which do the transaction no harm; TXN_ABORTED if it is doomed;
 * INVALID_TXN_STATE if it is over; PRODUCER_FENCED.
 */
FLYMQ_API
int32_t flymq_transaction_send(const flymq_transaction *transaction,
                               const char *topic,
                               const void *key,
                               size_t key_len,
                               const void *value,
                               size_t value_len,
                               flymq_error **error);

/**
 * As flymq_transaction_send(), for a record that may have headers, a partition and a timestamp.
 */
FLYMQ_API
int32_t flymq_transaction_send_record(const flymq_transaction *transaction,
                                      const char *topic,
                                      const flymq_record *record,
                                      flymq_error **error);

/**
 * As flymq_transaction_send_record(), and waits until the record is stored, though not yet seen by
 * readers of what is committed. `partition` and `offset` get where; each may be NULL.
 */
FLYMQ_API
int32_t flymq_transaction_produce_record(const flymq_transaction *transaction,
                                         const char *topic,
                                         const flymq_record *record,
                                         uint32_t *partition,
                                         uint64_t *offset,
                                         flymq_error **error);

/**
 * Makes all that a consumer has returned part of the transaction: it counts as processed by the
 * consumer's group when, and only if, the transaction commits. The consumer must not commit by itself:
 * set its option auto_commit_interval_ms to 0.
 *
 * Errors: STALE_GENERATION if partitions were taken from the consumer; TXN_ABORTED if the broker refused
 * the offsets; PRODUCER_FENCED; INVALID_TXN_STATE if the transaction is over; INVALID_ARGUMENT for a
 * consumer without a group, or one that is not a member yet; CLOSED.
 */
FLYMQ_API
int32_t flymq_transaction_send_offsets(const flymq_transaction *transaction,
                                       const flymq_consumer *consumer,
                                       flymq_error **error);

/**
 * As flymq_transaction_send_offsets(), for a group without members, whose partitions are assigned by
 * hand: the offsets are given as FLYMQ_START_OFFSET, each the last one processed of its partition.
 */
FLYMQ_API
int32_t flymq_transaction_send_group_offsets(const flymq_transaction *transaction,
                                             const char *group,
                                             const flymq_partitions *offsets,
                                             flymq_error **error);

/**
 * Waits until every record is stored, and makes all of them visible together with the offsets.
 *
 * Errors: TXN_ABORTED: nothing of the transaction will be seen, and flymq_error_txn_is_repeatable() says
 * whether to run it again; TIMEOUT: whether it was committed is not known, call this again to find out;
 * PRODUCER_FENCED; INVALID_TXN_STATE if it is over; INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_transaction_commit(const flymq_transaction *transaction,
                                 flymq_error **error);

/**
 * Discards the transaction.
 *
 * Errors: INVALID_TXN_STATE if it is over, or may be committed; TIMEOUT if no broker could be told: the
 * next transaction sees to it, or the transaction's time-out; INVALID_ARGUMENT.
 */
FLYMQ_API
int32_t flymq_transaction_abort(const flymq_transaction *transaction,
                                flymq_error **error);

/**
 * Frees a transaction; one that has not ended is aborted in the background. No other call with it may
 * be under way. NULL is harmless.
 */
FLYMQ_API
void flymq_transaction_free(flymq_transaction *transaction);

/**
 * The version of the library, such as "0.1.0"; FLYMQ_VERSION is that of the header. Never freed.
 */
FLYMQ_API
const char *flymq_version(void);

/**
 * The version of the library as one number: major × 1,000,000 + minor × 1,000 + patch.
 */
FLYMQ_API
uint32_t flymq_version_number(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FLYMQ_H */
