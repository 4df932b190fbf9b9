import assert from 'node:assert/strict'
import test from 'node:test'
import { Broker, Client, FlyMQError } from './flymq.js'

test('many at once are stored, and read in order', async () => {
  const broker = new Broker({ durability: 'os' })
  const client = new Client(broker.address)
  await client.createTopic('orders')
  const stored = await Promise.all(Array.from({ length: 50 }, (_, i) => client.produce('orders', `${i}`, 'k')))
  assert.deepEqual(stored.map((s) => s.offset).sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i))

  const consumer = client.consumer(['orders'], { group: 'readers', auto_commit_interval_ms: 0 })
  const values = new Set()
  while (values.size < 50) {
    for (const message of await consumer.poll()) {
      assert.equal(message.topic, 'orders')
      assert.equal(message.offset, values.size)
      assert.equal(message.key.toString(), 'k')
      values.add(message.value.toString())
    }
  }
  await consumer.commit()
  await consumer.close()
  await client.close()
  broker.close()
})

test('errors say what happened and what to do', async () => {
  const broker = new Broker()
  const client = new Client(broker.address)
  await assert.rejects(client.produce('nowhere', 'x'), (error) =>
    error instanceof FlyMQError && error.name === 'UNKNOWN_TOPIC' && error.hint.length > 0 && !error.retriable)
  await assert.rejects(client.produce('no\0where', 'x'), TypeError)
  assert.throws(() => new Client('127.0.0.1:1', { connect_timeout_ms: 50 }), { name: 'CONNECT_FAILED' })
  assert.throws(() => new Client('127.0.0.1:1', { no_such: 1 }), { name: 'INVALID_ARGUMENT' })
  await client.close()
  broker.close()
})
