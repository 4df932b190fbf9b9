import io.flymq.client.Consumer;
import io.flymq.client.ConsumerRecord;
import io.flymq.client.ConsumerRecords;
import io.flymq.client.FlyMQClient;
import io.flymq.client.Producer;
import io.flymq.client.ProducerRecord;
import io.flymq.client.RecordMetadata;
import io.flymq.client.Transaction;
import io.flymq.client.TransactionalProducer;
import io.flymq.client.errors.FlyMQException;
import io.flymq.client.serde.Serdes;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * The clients of flymq-chaos in Java: what chaos/src/&#42;/client.rs and worker.rs do in Rust.
 *
 * <p>{@code java -cp CLASSPATH ChaosClient.java ROLE ADDRESSES NUMBER SEED}
 */
final class ChaosClient {
  private static final String[] TOPICS = {"accounts-a", "accounts-b", "accounts-c"};
  private static final int PARTITIONS = 2;
  private static final int ABORTED = 8;

  private static final int KEYS = 10;
  private static final int RECORDS = 50;

  private static final int RECORDS_A_TRANSACTION = 100;

  /** How long the brokers may be away at first. */
  private static final Duration CONNECTED_WITHIN = Duration.ofSeconds(60);

  private static final Duration TRANSACTION_TIMEOUT = Duration.ofSeconds(30);

  private static volatile boolean ending;

  public static void main(String[] arguments) throws Exception {
    String number = arguments[2];
    long seed = Long.parseUnsignedLong(arguments[3]);
    Thread watching = new Thread(ChaosClient::watchInput);
    watching.setDaemon(true);
    watching.start();
    try (FlyMQClient client = connect(arguments[1])) {
      switch (arguments[0]) {
        case "stream-client" -> streamClient(client, number, seed);
        case "bank-client" -> bankClient(client, number, seed);
        default -> pipelineWorker(client, number);
      }
    }
  }

  private static void watchInput() {
    try {
      System.in.readAllBytes();
    } catch (IOException closed) {
      // So it has ended.
    }
    ending = true;
  }

  private static FlyMQClient connect(String addresses) throws InterruptedException {
    long deadline = System.nanoTime() + CONNECTED_WITHIN.toNanos();
    while (true) {
      try {
        return FlyMQClient.connect(addresses);
      } catch (FlyMQException error) {
        if (!error.isRetriable() || System.nanoTime() > deadline) {
          throw error;
        }
        Thread.sleep(20);
      }
    }
  }

  private static void say(String line) {
    System.out.print(line + "\n");
    System.out.flush();
  }

  /** Numbers records key by key, and says which of them were acknowledged. */
  private static void streamClient(FlyMQClient client, String number, long seed) {
    long[] next = new long[KEYS];
    try (Producer<String, String> producer =
        client.producer(Serdes.string(), Serdes.string()).build()) {
      for (int turn = 0; !ending; turn++) {
        int index = turn % KEYS;
        String key = "%s-%016x-%d".formatted(number, seed, index);
        List<CompletableFuture<RecordMetadata>> deliveries = new ArrayList<>();
        for (int i = 0; i < RECORDS; i++) {
          deliveries.add(producer.send("stream", key, Long.toString(next[index] + i)));
        }
        StringBuilder line = new StringBuilder("acked ").append(key);
        for (int i = 0; i < RECORDS; i++) {
          try {
            deliveries.get(i).join();
            line.append(' ').append(next[index] + i);
          } catch (CompletionException error) {
            System.err.println("record " + (next[index] + i) + " of " + key + ": " + error);
          }
        }
        next[index] += RECORDS;
        say(line.toString());
      }
    }
  }

  /** Makes transfers, and says what became of each. */
  private static void bankClient(FlyMQClient client, String number, long seed) {
    Random random = new Random(seed);
    String name = "bank-" + number;
    String incarnation = "%08x".formatted(random.nextInt());
    try (TransactionalProducer<String, String> producer =
        client
            .transactionalProducer(name, Serdes.string(), Serdes.string())
            .transactionTimeout(TRANSACTION_TIMEOUT)
            .build()) {
      for (long count = 0; !ending; count++) {
        String transaction = number + "-" + incarnation + "-" + count;
        String fate;
        try {
          fate = transfer(producer, transaction, random);
        } catch (CompletionException | FlyMQException error) {
          stopIfFenced(error);
          if (!(error instanceof FlyMQException known && known.isAbortable())) {
            System.err.println(name + ": " + error);
          }
          fate = "unknown";
        }
        say(fate + " " + transaction);
      }
    }
  }

  private static String transfer(
      TransactionalProducer<String, String> producer, String id, Random random) {
    int parts = 2 + random.nextInt(5);
    boolean onPurpose = random.nextInt(ABORTED) == 0;
    try (Transaction<String, String> transaction = producer.begin()) {
      List<CompletableFuture<RecordMetadata>> deliveries = new ArrayList<>();
      int sum = 0;
      for (int part = 0; part < parts; part++) {
        int amount = part + 1 == parts ? -sum : random.nextInt(201) - 100;
        sum += amount;
        String entry =
            "{\"transaction\":\"%s\",\"part\":%d,\"parts\":%d,\"amount\":%d}"
                .formatted(id, part, parts, amount);
        String topic = TOPICS[random.nextInt(TOPICS.length)];
        deliveries.add(
            transaction.send(
                ProducerRecord.<String, String>of(topic, entry)
                    .withPartition(random.nextInt(PARTITIONS))));
      }
      if (onPurpose) {
        // Stored before that, so that there is something to hide.
        deliveries.forEach(CompletableFuture::join);
        transaction.abort();
        return "aborted";
      }
      transaction.commit();
      return "committed";
    }
  }

  /** Passes records on, with its progress in the transaction. */
  private static void pipelineWorker(FlyMQClient client, String number) {
    String name = "pipeline-" + number;
    try (Consumer<String, String> consumer =
            client
                .consumer(Serdes.string(), Serdes.string())
                .group("pipeline")
                .instanceId(name)
                .autoCommit(false)
                .build();
        TransactionalProducer<String, String> producer =
            client
                .transactionalProducer(name, Serdes.string(), Serdes.string())
                .transactionTimeout(TRANSACTION_TIMEOUT)
                .build()) {
      consumer.subscribe("pipeline-input");
      while (!ending) {
        try {
          passOn(consumer, producer);
        } catch (CompletionException | FlyMQException error) {
          stopIfFenced(error);
          if (!(error instanceof FlyMQException known && known.isAbortable())) {
            System.err.println(name + ": " + error);
          }
          // Nothing of the transaction was passed on: read it again.
          consumer.rewind();
        }
      }
    }
  }

  private static void passOn(
      Consumer<String, String> consumer, TransactionalProducer<String, String> producer) {
    ConsumerRecords<String, String> records = consumer.poll(Duration.ofSeconds(1), RECORDS_A_TRANSACTION);
    if (records.isEmpty()) {
      return;
    }
    try (Transaction<String, String> transaction = producer.begin()) {
      for (ConsumerRecord<String, String> record : records) {
        transaction.send("pipeline-output", record.key(), "out " + record.value());
      }
      transaction.sendOffsets(consumer);
      transaction.commit();
    }
  }

  /** Ends a client in whose place another one works already. */
  private static void stopIfFenced(RuntimeException error) {
    Throwable cause = error instanceof CompletionException ? error.getCause() : error;
    if (cause instanceof FlyMQException known
        && ("PRODUCER_FENCED".equals(known.name()) || "INSTANCE_FENCED".equals(known.name()))) {
      throw error;
    }
  }
}
