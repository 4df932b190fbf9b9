package io.flymq.spring;

/** Names of headers: of Spring messages, which stand for parts of a record, and of records themselves. */
public final class FlyMQHeaders {
  private static final String PREFIX = "flymq_";

  /** The topic, of messages that are sent or were received. */
  public static final String TOPIC = PREFIX + "topic";

  /** The partition, an {@code Integer}. */
  public static final String PARTITION = PREFIX + "partition";

  /** The offset of a record that was received, a {@code Long}. */
  public static final String OFFSET = PREFIX + "offset";

  /** Milliseconds since 1970, a {@code Long}. */
  public static final String TIMESTAMP = PREFIX + "timestamp";

  /** The key. Of a received record its bytes, which a parameter may take as text or number too. */
  public static final String KEY = PREFIX + "key";

  /** The group that a record was received for. */
  public static final String GROUP = PREFIX + "group";

  /** How many times a record was handed to the listener by now, an {@code Integer} from 1. */
  public static final String DELIVERY_ATTEMPT = PREFIX + "deliveryAttempt";

  /** A record's header: what its value is, the simple name of its class. */
  public static final String TYPE = "flymq.type";

  /** A dead letter's header: the topic that it comes from. */
  public static final String DLQ_TOPIC = "flymq.dlq.topic";

  /** A dead letter's header: the partition that it comes from. */
  public static final String DLQ_PARTITION = "flymq.dlq.partition";

  /** A dead letter's header: its offset there. */
  public static final String DLQ_OFFSET = "flymq.dlq.offset";

  /** A dead letter's header: what the listener failed with. */
  public static final String DLQ_ERROR = "flymq.dlq.error";

  /** A dead letter's header: the class of the exception. */
  public static final String DLQ_EXCEPTION = "flymq.dlq.exception";

  /** A dead letter's header: the group that could not handle it. */
  public static final String DLQ_GROUP = "flymq.dlq.group";

  private FlyMQHeaders() {}
}
