// Package flymq wraps libflymq for Go. All of it may be used by any number of goroutines.
//
// It covers what most programs need: a client, a producer whose deliveries come through channels, a
// consumer of a group, and transactions. What it lacks, flymq.h has.
package flymq

/*
#cgo pkg-config: flymq
#include <flymq.h>
#include <stdlib.h>

// Tags are numbers here, never pointers, so that cgo has nothing to check.
static int32_t send_tagged(const flymq_producer *producer, const char *topic, const void *key,
                           size_t key_len, const void *value, size_t value_len, uintptr_t tag,
                           flymq_error **error) {
    return flymq_producer_send(producer, topic, key, key_len, value, value_len, (void *)tag, error);
}

static uintptr_t event_tag(const flymq_event *event) { return (uintptr_t)flymq_event_tag(event); }
*/
import "C"

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// Error is what went wrong, and what to do about it.
type Error struct {
	Code             int
	Name             string
	Message          string
	Hint             string
	Retriable        bool
	Fatal            bool
	TxnRequiresAbort bool
	TxnRepeatable    bool
}

func (e *Error) Error() string { return e.Message + " (" + e.Name + "; " + e.Hint + ")" }

var errNul = errors.New("flymq: a name must not contain NUL")

// check turns an error of C into one of Go, and frees it.
func check(code C.int32_t, err *C.flymq_error) error {
	if code == C.FLYMQ_OK {
		return nil
	}
	defer C.flymq_error_free(err)
	return borrowed(err)
}

func borrowed(err *C.flymq_error) error {
	return &Error{
		Code:             int(C.flymq_error_code(err)),
		Name:             C.GoString(C.flymq_error_name(err)),
		Message:          C.GoString(C.flymq_error_message(err)),
		Hint:             C.GoString(C.flymq_error_hint(err)),
		Retriable:        bool(C.flymq_error_is_retriable(err)),
		Fatal:            bool(C.flymq_error_is_fatal(err)),
		TxnRequiresAbort: bool(C.flymq_error_txn_requires_abort(err)),
		TxnRepeatable:    bool(C.flymq_error_txn_is_repeatable(err)),
	}
}

// cString copies a string to C, which the caller frees. C would see it end at its first NUL.
func cString(text string) (*C.char, error) {
	if strings.ContainsRune(text, 0) {
		return nil, errNul
	}
	return C.CString(text), nil
}

// bytes is a view for a call of C, in which the garbage collector leaves its argument alone.
func bytes(data []byte) (unsafe.Pointer, C.size_t) {
	if data != nil && len(data) == 0 {
		// Empty is not the same as none.
		return unsafe.Pointer(&empty), 0
	}
	return unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data))
}

var empty byte

func millis(timeout time.Duration) C.int64_t { return C.int64_t(timeout.Milliseconds()) }

// Options are options by name: see docs/options.md.
type Options map[string]string

func (o Options) config(kind C.int32_t) (*C.flymq_config, error) {
	var config *C.flymq_config
	var cerr *C.flymq_error
	if err := check(C.flymq_config_new(kind, &config, &cerr), cerr); err != nil {
		return nil, err
	}
	for name, value := range o {
		cname, err := cString(name)
		if err != nil {
			C.flymq_config_free(config)
			return nil, err
		}
		cvalue, err := cString(value)
		if err == nil {
			err = check(C.flymq_config_set(config, cname, cvalue, &cerr), cerr)
		}
		C.free(unsafe.Pointer(cname))
		C.free(unsafe.Pointer(cvalue))
		if err != nil {
			C.flymq_config_free(config)
			return nil, err
		}
	}
	return config, nil
}

// Broker is a broker inside the process, for tests above all.
type Broker struct{ ptr *C.flymq_broker }

// StartBroker starts a broker on a free port.
func StartBroker(options Options) (*Broker, error) {
	config, err := options.config(C.FLYMQ_CONFIG_BROKER)
	if err != nil {
		return nil, err
	}
	defer C.flymq_config_free(config)
	broker := &Broker{}
	var cerr *C.flymq_error
	if err := check(C.flymq_broker_start(config, &broker.ptr, &cerr), cerr); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(broker, func(b *Broker) { C.flymq_broker_free(b.ptr) })
	return broker, nil
}

// Address is where clients connect to.
func (b *Broker) Address() string {
	defer runtime.KeepAlive(b)
	return C.GoString(C.flymq_broker_address(b.ptr))
}

// Close stops the broker.
func (b *Broker) Close() error {
	defer runtime.KeepAlive(b)
	var cerr *C.flymq_error
	return check(C.flymq_broker_close(b.ptr, 10000, &cerr), cerr)
}

// Client is a client of a broker; one is enough for a program.
type Client struct{ ptr *C.flymq_client }

// Connect connects to addresses such as "localhost:9092".
func Connect(addresses string, options Options) (*Client, error) {
	config, err := options.config(C.FLYMQ_CONFIG_CLIENT)
	if err != nil {
		return nil, err
	}
	defer C.flymq_config_free(config)
	caddresses, err := cString(addresses)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(caddresses))
	client := &Client{}
	var cerr *C.flymq_error
	if err := check(C.flymq_client_connect(caddresses, config, &client.ptr, &cerr), cerr); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(client, func(c *Client) { C.flymq_client_free(c.ptr) })
	return client, nil
}

// CreateTopic creates a topic unless it is there.
func (c *Client) CreateTopic(topic string, partitions uint32) error {
	defer runtime.KeepAlive(c)
	ctopic, err := cString(topic)
	if err != nil {
		return err
	}
	defer C.free(unsafe.Pointer(ctopic))
	var cerr *C.flymq_error
	code := C.flymq_client_create_topic_with(c.ptr, ctopic, C.uint32_t(partitions), 0, nil, nil, 0, true, nil, &cerr)
	return check(code, cerr)
}

// Stored is where a record is.
type Stored struct {
	Partition uint32
	Offset    uint64
}

// Produce sends a record and waits until it is stored. A nil value marks the key as deleted.
func (c *Client) Produce(topic string, key, value []byte) (Stored, error) {
	defer runtime.KeepAlive(c)
	ctopic, err := cString(topic)
	if err != nil {
		return Stored{}, err
	}
	defer C.free(unsafe.Pointer(ctopic))
	keyData, keyLen := bytes(key)
	data, length := bytes(value)
	var partition C.uint32_t
	var offset C.uint64_t
	var cerr *C.flymq_error
	code := C.flymq_client_produce(c.ptr, ctopic, keyData, keyLen, data, length, &partition, &offset, &cerr)
	if err := check(code, cerr); err != nil {
		return Stored{}, err
	}
	return Stored{uint32(partition), uint64(offset)}, nil
}

// Close finishes what is under way and closes all connections.
func (c *Client) Close() error {
	defer runtime.KeepAlive(c)
	var cerr *C.flymq_error
	return check(C.flymq_client_close(c.ptr, 10000, &cerr), cerr)
}

// Delivery is what became of a record.
type Delivery struct {
	Stored
	Err error
}

// Producer sends records in batches.
type Producer struct {
	ptr   *C.flymq_producer
	queue *C.flymq_queue

	mutex   sync.Mutex
	waiting map[uintptr]chan<- Delivery
	next    uintptr
	pending sync.WaitGroup
	done    chan struct{}
	closed  sync.Once
}

// NewProducer makes a producer. Close it: that ends the goroutine that brings deliveries.
func (c *Client) NewProducer(options Options) (*Producer, error) {
	defer runtime.KeepAlive(c)
	config, err := options.config(C.FLYMQ_CONFIG_PRODUCER)
	if err != nil {
		return nil, err
	}
	defer C.flymq_config_free(config)
	p := &Producer{waiting: map[uintptr]chan<- Delivery{}, done: make(chan struct{})}
	var cerr *C.flymq_error
	if err := check(C.flymq_queue_new(&p.queue, &cerr), cerr); err != nil {
		return nil, err
	}
	if err := check(C.flymq_producer_new(c.ptr, config, p.queue, &p.ptr, &cerr), cerr); err != nil {
		C.flymq_queue_free(p.queue)
		return nil, err
	}
	go p.deliver()
	return p, nil
}

// Send takes a record in as soon as there is room for it. What becomes of it comes through the channel,
// which has room for that, so that nobody has to receive it.
func (p *Producer) Send(topic string, key, value []byte) (<-chan Delivery, error) {
	ctopic, err := cString(topic)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(ctopic))
	delivery := make(chan Delivery, 1)
	p.mutex.Lock()
	p.next++
	tag := p.next
	p.waiting[tag] = delivery
	p.pending.Add(1)
	p.mutex.Unlock()
	keyData, keyLen := bytes(key)
	data, length := bytes(value)
	var cerr *C.flymq_error
	code := C.send_tagged(p.ptr, ctopic, keyData, keyLen, data, length, C.uintptr_t(tag), &cerr)
	if err := check(code, cerr); err != nil {
		p.take(tag)
		return nil, err
	}
	return delivery, nil
}

func (p *Producer) take(tag uintptr) chan<- Delivery {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delivery := p.waiting[tag]
	delete(p.waiting, tag)
	p.pending.Done()
	return delivery
}

// deliver brings what became of records, until the queue is closed.
func (p *Producer) deliver() {
	defer close(p.done)
	for {
		var events *C.flymq_events
		if C.flymq_poll(p.queue, 1000, -1, &events, nil) != C.FLYMQ_OK {
			return
		}
		for i := C.size_t(0); i < C.flymq_events_count(events); i++ {
			event := C.flymq_events_get(events, i)
			delivery := Delivery{Stored: Stored{
				uint32(C.flymq_event_partition(event)), uint64(C.flymq_event_offset(event)),
			}}
			if C.flymq_event_code(event) != C.FLYMQ_OK {
				delivery.Err = borrowed(C.flymq_event_error(event))
			}
			p.take(uintptr(C.event_tag(event))) <- delivery
		}
		C.flymq_events_free(events)
	}
}

// Close sends what is left, and ends the producer. No other call may be under way.
func (p *Producer) Close() error {
	var err error
	p.closed.Do(func() {
		var cerr *C.flymq_error
		err = check(C.flymq_producer_close(p.ptr, 30000, &cerr), cerr)
		C.flymq_producer_free(p.ptr)
		// Each record has its event.
		p.pending.Wait()
		C.flymq_queue_close(p.queue, nil)
		<-p.done
		C.flymq_queue_free(p.queue)
	})
	return err
}

// Message is a record that was read; a copy that belongs to Go.
type Message struct {
	Topic     string
	Partition uint32
	Offset    uint64
	Timestamp time.Time
	Key       []byte
	Value     []byte
}

// Consumer reads topics together with the other members of a group. One goroutine polls.
type Consumer struct{ ptr *C.flymq_consumer }

// NewConsumer makes a consumer that reads these topics; its option group names the group.
func (c *Client) NewConsumer(options Options, topics ...string) (*Consumer, error) {
	defer runtime.KeepAlive(c)
	config, err := options.config(C.FLYMQ_CONFIG_CONSUMER)
	if err != nil {
		return nil, err
	}
	defer C.flymq_config_free(config)
	names := make([]*C.char, len(topics))
	defer func() {
		for _, name := range names {
			C.free(unsafe.Pointer(name))
		}
	}()
	for i, topic := range topics {
		if names[i], err = cString(topic); err != nil {
			return nil, err
		}
	}
	consumer := &Consumer{}
	var cerr *C.flymq_error
	if err := check(C.flymq_consumer_new(c.ptr, config, nil, nil, &consumer.ptr, &cerr), cerr); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(consumer, func(c *Consumer) { C.flymq_consumer_free(c.ptr) })
	code := C.flymq_consumer_subscribe(consumer.ptr, unsafe.SliceData(names), C.size_t(len(names)), &cerr)
	return consumer, check(code, cerr)
}

// Poll returns messages as soon as there are any; none if nothing comes in time.
func (c *Consumer) Poll(maxRecords int, timeout time.Duration) ([]Message, error) {
	defer runtime.KeepAlive(c)
	var batch *C.flymq_batch
	var cerr *C.flymq_error
	code := C.flymq_consumer_poll(c.ptr, C.size_t(maxRecords), millis(timeout), &batch, &cerr)
	if err := check(code, cerr); err != nil {
		return nil, err
	}
	defer C.flymq_batch_free(batch)
	messages := make([]Message, int(C.flymq_batch_count(batch)))
	for i := range messages {
		messages[i] = message(C.flymq_batch_message(batch, C.size_t(i)))
	}
	return messages, nil
}

func message(m *C.flymq_message) Message {
	var keyLen, length C.size_t
	key := C.flymq_message_key(m, &keyLen)
	value := C.flymq_message_value(m, &length)
	return Message{
		Topic:     C.GoString(C.flymq_message_topic(m)),
		Partition: uint32(C.flymq_message_partition(m)),
		Offset:    uint64(C.flymq_message_offset(m)),
		Timestamp: time.UnixMilli(int64(C.flymq_message_timestamp(m))),
		Key:       goBytes(key, keyLen),
		Value:     goBytes(value, length),
	}
}

func goBytes(data unsafe.Pointer, length C.size_t) []byte {
	if data == nil {
		return nil
	}
	return append([]byte{}, unsafe.Slice((*byte)(data), int(length))...)
}

// Commit stores that all messages that were returned are processed.
func (c *Consumer) Commit() error {
	defer runtime.KeepAlive(c)
	var cerr *C.flymq_error
	return check(C.flymq_consumer_commit(c.ptr, &cerr), cerr)
}

// Close leaves the group.
func (c *Consumer) Close() error {
	defer runtime.KeepAlive(c)
	var cerr *C.flymq_error
	return check(C.flymq_consumer_close(c.ptr, 10000, &cerr), cerr)
}
