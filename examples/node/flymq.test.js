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

test('consume, transform and produce exactly once, though every second attempt fails', async () => {
  const broker = new Broker({ durability: 'os' })
  const client = new Client(broker.address)
  for (const topic of ['raw', 'cooked']) await client.createTopic(topic)
  for (let i = 0; i < 10; i++) await client.produce('raw', `${i}`)
  const consumer = client.consumer(['raw'], { group: 'kitchen', auto_commit_interval_ms: 0 })
  const producer = await client.transactionalProducer('cook')
  for (let attempt = 0, cooked = 0; cooked < 10; attempt++) {
    const messages = await consumer.poll(3, 10_000)
    try {
      await producer.run(async (transaction) => {
        for (const message of messages) await transaction.send('cooked', `hot ${message.value}`)
        await transaction.sendOffsets(consumer)
        if (attempt % 2 === 0) throw new Error('burnt')
      })
      cooked += messages.length
    } catch (failure) {
      assert.equal(failure.message, 'burnt')
      await consumer.rewind()
    }
  }
  await consumer.close()

  // A newer producer of the name has the word.
  const newer = await client.transactionalProducer('cook')
  await assert.rejects(producer.run((transaction) => transaction.send('cooked', 'late')), { name: 'PRODUCER_FENCED' })
  await producer.close()
  await newer.close()

  const eater = client.consumer(['cooked'], { group: 'eaters' })
  const eaten = []
  while (eaten.length < 10) eaten.push(...await eater.poll(100, 10_000))
  assert.deepEqual(eaten.map((m) => m.value.toString()), Array.from({ length: 10 }, (_, i) => `hot ${i}`))
  assert.deepEqual(await eater.poll(100, 100), [])
  await eater.close()
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
