package io.flymq.spring.listener;

import io.flymq.client.Admin;
import io.flymq.client.ConsumerRecord;
import io.flymq.client.Headers;
import io.flymq.client.NewTopic;
import io.flymq.client.ProducerRecord;
import io.flymq.client.errors.NotAuthorizedException;
import io.flymq.spring.FlyMQHeaders;
import io.flymq.spring.FlyMQTemplate;
import io.flymq.spring.SendResult;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends records that are given up to another topic, as they were, with headers that say where they come from and
 * why: those of {@link FlyMQHeaders} that begin with {@code DLQ}.
 */
public class DeadLetterPublisher implements RecordRecoverer {
  /** What the names of topics of dead letters end with. */
  public static final String SUFFIX = ".dlq";

  private static final Logger log = LoggerFactory.getLogger(DeadLetterPublisher.class);
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final int LONGEST_ERROR = 1000;

  private final FlyMQTemplate template;
  private final Function<ConsumerRecord<byte[], byte[]>, String> topics;
  private final Map<String, Integer> partitions = new ConcurrentHashMap<>();

  /**
   * A publisher to topics with {@link #SUFFIX} behind their names.
   *
   * @param template what it sends through
   */
  public DeadLetterPublisher(FlyMQTemplate template) {
    this(template, record -> record.topic() + SUFFIX);
  }

  /**
   * A publisher.
   *
   * @param template what it sends through
   * @param topics the topic for a record, which is created, with as many partitions as the record's own, if it
   *     is not there
   */
  public DeadLetterPublisher(
      FlyMQTemplate template, Function<ConsumerRecord<byte[], byte[]>, String> topics) {
    this.template = template;
    this.topics = topics;
  }

  @Override
  public void recover(ConsumerRecord<byte[], byte[]> record, ListenerFailure failure)
      throws Exception {
    String topic = topics.apply(record);
    int count = partitions.computeIfAbsent(topic, name -> create(name, record.topic()));
    ProducerRecord<byte[], byte[]> letter =
        new ProducerRecord<>(
            topic,
            record.partition() < count ? record.partition() : null,
            record.timestamp(),
            record.key(),
            record.value(),
            headers(record, failure));
    CompletableFuture<SendResult> sent = template.send(letter);
    try {
      sent.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException error) {
      partitions.remove(topic);
      throw error.getCause() instanceof Exception cause ? cause : error;
    }
    log.warn("Offset {} of {} is now in {}", record.offset(), record.topicPartition(), topic);
  }

  private int create(String topic, String original) {
    Admin admin = template.producers().client().admin();
    try {
      admin.createTopic(NewTopic.of(topic, admin.partitionCount(original)).ifNotExists());
    } catch (NotAuthorizedException notAllowed) {
      log.debug("Topic {} has to be there already", topic, notAllowed);
    }
    return admin.partitionCount(topic);
  }

  private static Headers headers(ConsumerRecord<byte[], byte[]> record, ListenerFailure failure) {
    Throwable cause = failure.exception();
    String error = cause.toString();
    String group = failure.group();
    Headers headers =
        record
            .headers()
            .with(FlyMQHeaders.DLQ_TOPIC, record.topic())
            .with(FlyMQHeaders.DLQ_PARTITION, String.valueOf(record.partition()))
            .with(FlyMQHeaders.DLQ_OFFSET, String.valueOf(record.offset()))
            .with(FlyMQHeaders.DLQ_EXCEPTION, cause.getClass().getName())
            .with(
                FlyMQHeaders.DLQ_ERROR,
                error.length() <= LONGEST_ERROR ? error : error.substring(0, LONGEST_ERROR));
    return group == null ? headers : headers.with(FlyMQHeaders.DLQ_GROUP, group);
  }
}
