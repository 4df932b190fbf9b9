// libflymq for Node.js, through the FFI of koffi. It covers what most programs need; what it lacks, flymq.h has.
// FLYMQ_LIBRARY names the library, otherwise the loader finds it.

import koffi from 'koffi'

const lib = koffi.load(process.env.FLYMQ_LIBRARY ?? 'libflymq.so.0')
for (const name of ['error', 'config', 'broker', 'client', 'queue',
  'consumer', 'batch', 'message', 'transactional_producer', 'transaction']) {
  koffi.opaque(`flymq_${name}`)
}

const c = {
  errorName: lib.func('const char *flymq_error_name(const flymq_error *error)'),
  errorMessage: lib.func('const char *flymq_error_message(const flymq_error *error)'),
  errorHint: lib.func('const char *flymq_error_hint(const flymq_error *error)'),
  errorIsRetriable: lib.func('bool flymq_error_is_retriable(const flymq_error *error)'),
  errorFree: lib.func('void flymq_error_free(flymq_error *error)'),
  configNew: lib.func('int32_t flymq_config_new(int32_t kind, _Out_ flymq_config **config, _Out_ flymq_error **error)'),
  configSet: lib.func('int32_t flymq_config_set(const flymq_config *config, const char *name, const char *value, _Out_ flymq_error **error)'),
  configFree: lib.func('void flymq_config_free(flymq_config *config)'),
  brokerStart: lib.func('int32_t flymq_broker_start(const flymq_config *config, _Out_ flymq_broker **broker, _Out_ flymq_error **error)'),
  brokerAddress: lib.func('const char *flymq_broker_address(const flymq_broker *broker)'),
  brokerFree: lib.func('void flymq_broker_free(flymq_broker *broker)'),
  connect: lib.func('int32_t flymq_client_connect(const char *addresses, const flymq_config *config, _Out_ flymq_client **client, _Out_ flymq_error **error)'),
  createTopic: lib.func('int32_t flymq_client_create_topic_with(const flymq_client *client, const char *topic, uint32_t partitions, uint16_t replication, void *names, void *values, size_t count, bool if_not_exists, void *created, _Out_ flymq_error **error)'),
  produce: lib.func('int32_t flymq_client_produce(const flymq_client *client, const char *topic, const void *key, size_t key_len, const void *value, size_t value_len, _Out_ uint32_t *partition, _Out_ uint64_t *offset, _Out_ flymq_error **error)'),
  clientClose: lib.func('int32_t flymq_client_close(const flymq_client *client, int64_t timeout_ms, _Out_ flymq_error **error)'),
  clientFree: lib.func('void flymq_client_free(flymq_client *client)'),
  consumerNew: lib.func('int32_t flymq_consumer_new(const flymq_client *client, const flymq_config *config, const flymq_queue *queue, void *tag, _Out_ flymq_consumer **consumer, _Out_ flymq_error **error)'),
  subscribe: lib.func('int32_t flymq_consumer_subscribe(const flymq_consumer *consumer, const char **topics, size_t count, _Out_ flymq_error **error)'),
  poll: lib.func('int32_t flymq_consumer_poll(const flymq_consumer *consumer, size_t max_records, int64_t timeout_ms, _Out_ flymq_batch **batch, _Out_ flymq_error **error)'),
  commit: lib.func('int32_t flymq_consumer_commit(const flymq_consumer *consumer, _Out_ flymq_error **error)'),
  rewind: lib.func('int32_t flymq_consumer_rewind(const flymq_consumer *consumer, _Out_ flymq_error **error)'),
  consumerClose: lib.func('int32_t flymq_consumer_close(const flymq_consumer *consumer, int64_t timeout_ms, _Out_ flymq_error **error)'),
  consumerFree: lib.func('void flymq_consumer_free(flymq_consumer *consumer)'),
  transactionalNew: lib.func('int32_t flymq_transactional_producer_new(const flymq_client *client, const char *transactional_id, const flymq_config *config, _Out_ flymq_transactional_producer **producer, _Out_ flymq_error **error)'),
  transactionalClose: lib.func('int32_t flymq_transactional_producer_close(const flymq_transactional_producer *producer, int64_t timeout_ms, _Out_ flymq_error **error)'),
  transactionalFree: lib.func('void flymq_transactional_producer_free(flymq_transactional_producer *producer)'),
  begin: lib.func('int32_t flymq_transactional_producer_begin(const flymq_transactional_producer *producer, _Out_ flymq_transaction **transaction, _Out_ flymq_error **error)'),
  transactionSend: lib.func('int32_t flymq_transaction_send(const flymq_transaction *transaction, const char *topic, const void *key, size_t key_len, const void *value, size_t value_len, _Out_ flymq_error **error)'),
  sendOffsets: lib.func('int32_t flymq_transaction_send_offsets(const flymq_transaction *transaction, const flymq_consumer *consumer, _Out_ flymq_error **error)'),
  commitTransaction: lib.func('int32_t flymq_transaction_commit(const flymq_transaction *transaction, _Out_ flymq_error **error)'),
  abortTransaction: lib.func('int32_t flymq_transaction_abort(const flymq_transaction *transaction, _Out_ flymq_error **error)'),
  transactionFree: lib.func('void flymq_transaction_free(flymq_transaction *transaction)'),
  batchCount: lib.func('size_t flymq_batch_count(const flymq_batch *batch)'),
  batchMessage: lib.func('const flymq_message *flymq_batch_message(const flymq_batch *batch, size_t index)'),
  batchFree: lib.func('void flymq_batch_free(flymq_batch *batch)'),
  topic: lib.func('const char *flymq_message_topic(const flymq_message *message)'),
  partition: lib.func('uint32_t flymq_message_partition(const flymq_message *message)'),
  offset: lib.func('uint64_t flymq_message_offset(const flymq_message *message)'),
  key: lib.func('const void *flymq_message_key(const flymq_message *message, _Out_ size_t *len)'),
  value: lib.func('const void *flymq_message_value(const flymq_message *message, _Out_ size_t *len)')
}

const KIND = { client: 1, consumer: 3, transactional: 4, broker: 5 }
const CLOSE_MS = 10_000

/** What went wrong: name such as UNKNOWN_TOPIC, message, hint, retriable. */
export class FlyMQError extends Error {
  constructor (error) {
    super(c.errorMessage(error))
    this.name = c.errorName(error)
    this.hint = c.errorHint(error)
    this.retriable = c.errorIsRetriable(error)
    c.errorFree(error)
  }
}

function check (code, error) {
  if (code !== 0) throw new FlyMQError(error[0])
}

/** Calls on a thread of libuv's pool, so that JavaScript goes on. */
async function wait (func, ...args) {
  const error = [null]
  const code = await new Promise((resolve, reject) => {
    func.async(...args, error, (failure, result) => failure ? reject(failure) : resolve(result))
  })
  check(code, error)
}

function named (text) {
  // C would see it end there.
  if (text.includes('\0')) throw new TypeError('a name must not contain NUL')
  return text
}

/** A configuration, which the caller frees. */
function configure (kind, options) {
  const config = [null]
  const error = [null]
  check(c.configNew(KIND[kind], config, error), error)
  try {
    for (const [name, value] of Object.entries(options)) {
      check(c.configSet(config[0], named(name), named(String(value)), error), error)
    }
  } catch (failure) {
    c.configFree(config[0])
    throw failure
  }
  return config[0]
}

function withConfig (kind, options, use) {
  const config = configure(kind, options)
  try {
    return use(config)
  } finally {
    c.configFree(config)
  }
}

const buffer = (data) => data == null ? null : Buffer.from(data)

/** A broker inside the process. */
export class Broker {
  #broker

  constructor (options = {}) {
    const broker = [null]
    const error = [null]
    withConfig('broker', options, (config) => check(c.brokerStart(config, broker, error), error))
    this.#broker = broker[0]
  }

  get address () { return c.brokerAddress(this.#broker) }

  close () {
    c.brokerFree(this.#broker)
    this.#broker = null
  }
}

/** A client: addresses such as "localhost:9092". */
export class Client {
  #client

  constructor (addresses, options = {}) {
    const client = [null]
    const error = [null]
    withConfig('client', options, (config) =>
      check(c.connect(named(addresses), config, client, error), error))
    this.#client = client[0]
  }

  async createTopic (topic, partitions = 1) {
    await wait(c.createTopic, this.#client, named(topic), partitions, 0, null, null, 0, true, null)
  }

  /** Resolves to where the record is, once it is stored. */
  async produce (topic, value, key = null) {
    const [partition, offset] = [[0], [0]]
    const [k, v] = [buffer(key), buffer(value)]
    await wait(c.produce, this.#client, named(topic), k, k?.length ?? 0, v, v?.length ?? 0, partition, offset)
    return { partition: partition[0], offset: Number(offset[0]) }
  }

  /** A consumer of topics; its option group names the group. */
  consumer (topics, options) {
    const consumer = [null]
    const error = [null]
    withConfig('consumer', options, (config) =>
      check(c.consumerNew(this.#client, config, null, null, consumer, error), error))
    check(c.subscribe(consumer[0], topics.map(named), topics.length, error), error)
    return new Consumer(consumer[0])
  }

  /** A producer of transactions; its name stays the same when the program restarts. */
  async transactionalProducer (id, options = {}) {
    const producer = [null]
    const config = configure('transactional', options)
    try {
      await wait(c.transactionalNew, this.#client, named(id), config, producer)
    } finally {
      c.configFree(config)
    }
    return new TransactionalProducer(producer[0])
  }

  async close () {
    await wait(c.clientClose, this.#client, CLOSE_MS)
    c.clientFree(this.#client)
    this.#client = null
  }
}

class TransactionalProducer {
  #producer

  constructor (producer) { this.#producer = producer }

  /** Does work in a transaction: commits it if that succeeds, and otherwise aborts it and throws what it threw. */
  async run (work) {
    const transaction = [null]
    await wait(c.begin, this.#producer, transaction)
    try {
      let result
      try {
        result = await work(new Transaction(transaction[0]))
      } catch (failure) {
        await wait(c.abortTransaction, transaction[0])
        throw failure
      }
      await wait(c.commitTransaction, transaction[0])
      return result
    } finally {
      c.transactionFree(transaction[0])
    }
  }

  async close () {
    await wait(c.transactionalClose, this.#producer, CLOSE_MS)
    c.transactionalFree(this.#producer)
    this.#producer = null
  }
}

/** Records and offsets that are stored all together or not at all; only within run(). */
class Transaction {
  #transaction

  constructor (transaction) { this.#transaction = transaction }

  async send (topic, value, key = null) {
    const [k, v] = [buffer(key), buffer(value)]
    await wait(c.transactionSend, this.#transaction, named(topic), k, k?.length ?? 0, v, v?.length ?? 0)
  }

  /** What a consumer has returned counts as processed if the transaction commits. */
  async sendOffsets (consumer) { await wait(c.sendOffsets, this.#transaction, Consumer.pointerOf(consumer)) }
}

class Consumer {
  #consumer

  constructor (consumer) { this.#consumer = consumer }

  static pointerOf (consumer) { return consumer.#consumer }

  /** Resolves to messages as soon as there are any; to none if nothing comes in time. */
  async poll (maxRecords = 500, timeoutMs = 1000) {
    const batch = [null]
    await wait(c.poll, this.#consumer, maxRecords, timeoutMs, batch)
    if (batch[0] === null) return []
    const messages = []
    for (let i = 0; i < Number(c.batchCount(batch[0])); i++) {
      const message = c.batchMessage(batch[0], i)
      messages.push({
        topic: c.topic(message),
        partition: c.partition(message),
        offset: Number(c.offset(message)),
        key: copy(c.key, message),
        value: copy(c.value, message)
      })
    }
    c.batchFree(batch[0])
    return messages
  }

  async commit () { await wait(c.commit, this.#consumer) }

  /** Has it return again what it has returned since its last commit. */
  async rewind () { await wait(c.rewind, this.#consumer) }

  async close () {
    await wait(c.consumerClose, this.#consumer, CLOSE_MS)
    c.consumerFree(this.#consumer)
    this.#consumer = null
  }
}

/** A copy of what a message points to, which goes with its batch. */
function copy (view, message) {
  const len = [0]
  const data = view(message, len)
  return data === null ? null : Buffer.from(koffi.decode(data, 'uint8_t', Number(len[0])))
}
