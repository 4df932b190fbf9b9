package flymq

/*
#include <flymq.h>
#include <stdlib.h>
*/
import "C"

import (
	"errors"
	"runtime"
	"unsafe"
)

// TransactionalProducer sends records in transactions, one at a time.
type TransactionalProducer struct {
	ptr *C.flymq_transactional_producer
}

// NewTransactionalProducer makes a producer that keeps its name, the transactional id, when the program
// restarts: it puts older ones of its name out of action.
func (c *Client) NewTransactionalProducer(id string, options Options) (*TransactionalProducer, error) {
	defer runtime.KeepAlive(c)
	config, err := options.config(C.FLYMQ_CONFIG_TRANSACTIONAL_PRODUCER)
	if err != nil {
		return nil, err
	}
	defer C.flymq_config_free(config)
	cid, err := cString(id)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(cid))
	producer := &TransactionalProducer{}
	var cerr *C.flymq_error
	code := C.flymq_transactional_producer_new(c.ptr, cid, config, &producer.ptr, &cerr)
	if err := check(code, cerr); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(producer, func(p *TransactionalProducer) { C.flymq_transactional_producer_free(p.ptr) })
	return producer, nil
}

// Run does work in a transaction: commits it if work succeeds, and otherwise aborts it. If nothing of it was
// stored because of what may pass, its error has TxnRepeatable: rewind the consumer, and run it again.
func (p *TransactionalProducer) Run(work func(*Transaction) error) error {
	transaction, err := p.Begin()
	if err != nil {
		return err
	}
	if err := work(transaction); err != nil {
		return errors.Join(err, transaction.Abort())
	}
	return transaction.Commit()
}

// Begin begins a transaction, once the one before is over.
func (p *TransactionalProducer) Begin() (*Transaction, error) {
	defer runtime.KeepAlive(p)
	transaction := &Transaction{}
	var cerr *C.flymq_error
	code := C.flymq_transactional_producer_begin(p.ptr, &transaction.ptr, &cerr)
	if err := check(code, cerr); err != nil {
		return nil, err
	}
	// One that nobody has ended is aborted.
	runtime.SetFinalizer(transaction, func(t *Transaction) { C.flymq_transaction_free(t.ptr) })
	return transaction, nil
}

// Close aborts what is open, and ends the producer.
func (p *TransactionalProducer) Close() error {
	defer runtime.KeepAlive(p)
	var cerr *C.flymq_error
	return check(C.flymq_transactional_producer_close(p.ptr, 10000, &cerr), cerr)
}

// Transaction is records and offsets that are stored all together, or not at all.
type Transaction struct{ ptr *C.flymq_transaction }

// Send takes a record in. A transaction of which a record failed later does not commit.
func (t *Transaction) Send(topic string, key, value []byte) error {
	defer runtime.KeepAlive(t)
	ctopic, err := cString(topic)
	if err != nil {
		return err
	}
	defer C.free(unsafe.Pointer(ctopic))
	keyData, keyLen := bytes(key)
	data, length := bytes(value)
	var cerr *C.flymq_error
	return check(C.flymq_transaction_send(t.ptr, ctopic, keyData, keyLen, data, length, &cerr), cerr)
}

// SendOffsets makes all that a consumer has returned part of the transaction. The consumer must not commit by
// itself: set its option auto_commit_interval_ms to 0.
func (t *Transaction) SendOffsets(consumer *Consumer) error {
	defer runtime.KeepAlive(t)
	defer runtime.KeepAlive(consumer)
	var cerr *C.flymq_error
	return check(C.flymq_transaction_send_offsets(t.ptr, consumer.ptr, &cerr), cerr)
}

// Commit makes all of it visible.
func (t *Transaction) Commit() error {
	defer runtime.KeepAlive(t)
	var cerr *C.flymq_error
	return check(C.flymq_transaction_commit(t.ptr, &cerr), cerr)
}

// Abort discards all of it.
func (t *Transaction) Abort() error {
	defer runtime.KeepAlive(t)
	var cerr *C.flymq_error
	return check(C.flymq_transaction_abort(t.ptr, &cerr), cerr)
}

// Rewind has the consumer return again what it has returned since its last commit.
func (c *Consumer) Rewind() error {
	defer runtime.KeepAlive(c)
	var cerr *C.flymq_error
	return check(C.flymq_consumer_rewind(c.ptr, &cerr), cerr)
}
