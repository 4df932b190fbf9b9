package flymq

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// Consume, transform and produce exactly once, though every second attempt fails at its end.
func TestExactlyOnce(t *testing.T) {
	client := connect(t)
	const records = 10
	for _, topic := range []string{"raw", "cooked"} {
		if err := client.CreateTopic(topic, 1); err != nil {
			t.Fatal(err)
		}
	}
	for i := range records {
		if _, err := client.Produce("raw", nil, []byte(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	consumer, err := client.NewConsumer(Options{"group": "kitchen", "auto_commit_interval_ms": "0"}, "raw")
	if err != nil {
		t.Fatal(err)
	}
	producer, err := client.NewTransactionalProducer("cook", nil)
	if err != nil {
		t.Fatal(err)
	}
	burnt := errors.New("burnt")
	for attempt, cooked := 0, 0; cooked < records; attempt++ {
		messages, err := consumer.Poll(3, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		err = producer.Run(func(transaction *Transaction) error {
			for _, m := range messages {
				if err := transaction.Send("cooked", nil, append([]byte("hot "), m.Value...)); err != nil {
					return err
				}
			}
			if err := transaction.SendOffsets(consumer); err != nil {
				return err
			}
			if attempt%2 == 0 {
				return burnt
			}
			return nil
		})
		switch {
		case err == nil:
			cooked += len(messages)
		case errors.Is(err, burnt):
			if err := consumer.Rewind(); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatal(err)
		}
	}
	if err := consumer.Close(); err != nil {
		t.Fatal(err)
	}

	// A newer producer of the name has the word.
	newer, err := client.NewTransactionalProducer("cook", nil)
	if err != nil {
		t.Fatal(err)
	}
	var failure *Error
	err = producer.Run(func(transaction *Transaction) error { return transaction.Send("cooked", nil, nil) })
	if !errors.As(err, &failure) || failure.Name != "PRODUCER_FENCED" || !failure.Fatal {
		t.Fatal(err)
	}
	if err := errors.Join(producer.Close(), newer.Close()); err != nil {
		t.Fatal(err)
	}

	eater, err := client.NewConsumer(Options{"group": "eaters"}, "cooked")
	if err != nil {
		t.Fatal(err)
	}
	for next := 0; next < records; {
		messages, err := eater.Poll(100, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			if want := fmt.Sprintf("hot %d", next); string(m.Value) != want {
				t.Fatalf("%s instead of %s", m.Value, want)
			}
			next++
		}
	}
	if messages, err := eater.Poll(100, 100*time.Millisecond); len(messages) > 0 || err != nil {
		t.Fatal(messages, err)
	}
	if err := eater.Close(); err != nil {
		t.Fatal(err)
	}
}
