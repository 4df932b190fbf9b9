package flymq

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

func connect(t *testing.T) *Client {
	t.Helper()
	broker, err := StartBroker(Options{"durability": "os"})
	if err != nil {
		t.Fatal(err)
	}
	client, err := Connect(broker.Address(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(client.Close(), broker.Close()); err != nil {
			t.Error(err)
		}
	})
	return client
}

func TestManyGoroutines(t *testing.T) {
	client := connect(t)
	if err := client.CreateTopic("orders", 3); err != nil {
		t.Fatal(err)
	}
	producer, err := client.NewProducer(Options{"linger_ms": "1"})
	if err != nil {
		t.Fatal(err)
	}
	const goroutines, each = 8, 250
	var all sync.WaitGroup
	for g := range goroutines {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range each {
				delivery, err := producer.Send("orders", []byte(fmt.Sprint(g)), []byte(fmt.Sprint(i)))
				if err != nil {
					t.Error(err)
					return
				}
				if i%50 == 0 {
					if d := <-delivery; d.Err != nil {
						t.Error(d.Err)
					}
				}
			}
		}()
	}
	all.Wait()
	if err := producer.Close(); err != nil {
		t.Fatal(err)
	}

	consumer, err := client.NewConsumer(Options{"group": "readers", "auto_commit_interval_ms": "0"}, "orders")
	if err != nil {
		t.Fatal(err)
	}
	next := map[string]int{}
	for read := 0; read < goroutines*each; {
		messages, err := consumer.Poll(500, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			// In order within a key, each once.
			if want := fmt.Sprint(next[string(m.Key)]); string(m.Value) != want {
				t.Fatalf("%s of key %s instead of %s", m.Value, m.Key, want)
			}
			next[string(m.Key)]++
		}
		read += len(messages)
	}
	if err := errors.Join(consumer.Commit(), consumer.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestErrors(t *testing.T) {
	client := connect(t)
	_, err := client.Produce("nowhere", nil, []byte("x"))
	var failure *Error
	if !errors.As(err, &failure) || failure.Name != "UNKNOWN_TOPIC" || failure.Hint == "" {
		t.Fatal(err)
	}
	if _, err := client.Produce("no\x00where", nil, nil); !errors.Is(err, errNul) {
		t.Fatal(err)
	}
	if _, err := Connect("127.0.0.1:1", Options{"connect_timeout_ms": "50"}); err == nil {
		t.Fatal("connected to nobody")
	}
	if _, err := Connect("127.0.0.1:1", Options{"no_such_option": "1"}); err == nil {
		t.Fatal("took an option that there is not")
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Produce("nowhere", nil, nil); !errors.As(err, &failure) || failure.Name != "CLOSED" {
		t.Fatal(err)
	}
}

func TestProduce(t *testing.T) {
	client := connect(t)
	if err := client.CreateTopic("one", 1); err != nil {
		t.Fatal(err)
	}
	for want := range 3 {
		stored, err := client.Produce("one", nil, []byte{})
		if err != nil || stored.Offset != uint64(want) {
			t.Fatal(stored, err)
		}
	}
}
