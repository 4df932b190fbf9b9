package io.flymq.client.errors;

import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The table of errors that all languages and the protocol share. Codes never change their meaning. */
public enum ErrorCode {
  /** The first byte of a frame was not 0xFB. */
  BAD_MAGIC(100, false, BadMagicException::new,
      "check that the address is a FlyMQ broker's, and that both sides use TLS or neither "
          + "does"),

  /** The frame's version byte is not one that the receiver speaks. */
  UNSUPPORTED_VERSION(101, false, UnsupportedVersionException::new,
      "upgrade the older of client and broker"),

  /** No operation has this number. */
  UNKNOWN_OPCODE(102, false, UnknownOpcodeException::new,
      "upgrade the broker, or do not use this operation"),

  /** The frame is longer than the receiver takes. */
  FRAME_TOO_LARGE(103, false, FrameTooLargeException::new,
      "send smaller batches, or raise the broker's --max-frame-bytes"),

  /** The payload is not the MessagePack map that the operation wants. */
  MALFORMED_PAYLOAD(104, false, MalformedPayloadException::new,
      "compare the payload with docs/protocol.md"),

  /** A field's value is outside its documented bounds. */
  INVALID_REQUEST(105, false, InvalidRequestException::new,
      "correct the field that the message names"),

  /** The connection's first request was not HELLO. */
  HELLO_REQUIRED(106, false, HelloRequiredException::new,
      "send HELLO first on every connection"),

  /** This broker or engine does not offer the operation. */
  UNSUPPORTED_OPERATION(107, false, UnsupportedOperationException::new,
      "use a broker that offers it; HELLO lists its features"),

  /** The operation needs an authenticated session. */
  AUTH_REQUIRED(200, false, AuthRequiredException::new,
      "configure a user and password, or a client certificate"),

  /** The credentials were not accepted. */
  AUTH_FAILED(201, false, AuthFailedException::new,
      "check user name and password"),

  /** The broker does not take this authentication mechanism. */
  UNSUPPORTED_MECHANISM(202, false, UnsupportedMechanismException::new,
      "use one of the mechanisms in the broker's challenge"),

  /** The session's principal may not do this. */
  NOT_AUTHORIZED(203, false, NotAuthorizedException::new,
      "ask the operator for the missing permission"),

  /** The broker has as many connections as it takes. */
  TOO_MANY_CONNECTIONS(204, true, TooManyConnectionsException::new,
      "close idle clients, or raise the broker's --max-connections"),

  /** The broker takes connections within TLS only, and this one is not. */
  TLS_REQUIRED(205, false, TlsRequiredException::new,
      "turn TLS on in the client: tls_enabled, or a flymqs:// address"),

  /** There is no such user. */
  UNKNOWN_USER(206, false, UnknownUserException::new,
      "check the user's name, or add the user first"),

  /** The user is there already. */
  USER_EXISTS(207, false, UserExistsException::new,
      "change the existing user, or choose another name"),

  /** There is no such topic. */
  UNKNOWN_TOPIC(300, false, UnknownTopicException::new,
      "create the topic first, or check its name"),

  /** The topic is there already. */
  TOPIC_EXISTS(301, false, TopicExistsException::new,
      "use the existing topic, or pass if_not_exists"),

  /** The topic's name is not allowed. */
  INVALID_TOPIC_NAME(302, false, InvalidTopicNameException::new,
      "use 1 to 249 of the characters a-z A-Z 0-9 . _ - and not . or .."),

  /** The topic has no partition of this number. */
  UNKNOWN_PARTITION(303, false, UnknownPartitionException::new,
      "use a partition below the topic's partition count"),

  /** The partition count is not allowed. */
  INVALID_PARTITIONS(304, false, InvalidPartitionsException::new,
      "use a count within the broker's limit; it can only be raised"),

  /** A topic configuration key or value is not allowed. */
  INVALID_CONFIG(305, false, InvalidConfigException::new,
      "correct the key that the message names"),

  /** The offset lies outside the partition's valid range. */
  OFFSET_OUT_OF_RANGE(400, false, OffsetOutOfRangeException::new,
      "seek to an offset within the range that the message names"),

  /** A batch's checksum does not match its bytes. */
  CORRUPT_BATCH(401, true, CorruptBatchException::new,
      "send it again; if it recurs, memory or network corrupts data"),

  /** A record is larger than the topic takes. */
  RECORD_TOO_LARGE(402, false, RecordTooLargeException::new,
      "send a smaller record, or raise the topic's max_record_bytes"),

  /** A batch's records are not what its header says, or not well formed. */
  INVALID_BATCH(403, false, InvalidBatchException::new,
      "compare the batch with docs/protocol.md"),

  /** The batch's compression codec is not known. */
  UNSUPPORTED_CODEC(404, false, UnsupportedCodecException::new,
      "use codec none, lz4 or zstd"),

  /** A batch's sequence does not follow the producer's last one. */
  OUT_OF_ORDER_SEQUENCE(405, false, OutOfOrderSequenceException::new,
      "an earlier batch of this producer is missing; start a new producer"),

  /** A newer producer has taken this one's place. */
  PRODUCER_FENCED(406, false, ProducerFencedException::new,
      "another instance with the same identity has started; stop this one"),

  /** The broker no longer knows this producer id. */
  UNKNOWN_PRODUCER(407, false, UnknownProducerException::new,
      "obtain a new producer id"),

  /** The group does not know this member. */
  UNKNOWN_MEMBER(500, false, UnknownMemberException::new,
      "join the group again"),

  /** The member's generation is over. */
  STALE_GENERATION(501, false, StaleGenerationException::new,
      "join the group again; do not commit for partitions that were taken away"),

  /** There is no such group. */
  UNKNOWN_GROUP(502, false, UnknownGroupException::new,
      "check the group's name"),

  /** The group still has members. */
  GROUP_NOT_EMPTY(503, false, GroupNotEmptyException::new,
      "stop the group's consumers first"),

  /** The group's name is not allowed. */
  INVALID_GROUP(504, false, InvalidGroupException::new,
      "use 1 to 255 bytes"),

  /** A newer member with the same instance id has taken this one's place. */
  INSTANCE_FENCED(505, false, InstanceFencedException::new,
      "give each running consumer an instance_id of its own"),

  /** A transaction that is still open may yet change the group's offsets. */
  UNSTABLE_OFFSETS(506, true, UnstableOffsetsException::new,
      "ask again; the transaction ends at the latest when its time-out is over"),

  /** The group has as many members as the broker takes. */
  GROUP_FULL(507, false, GroupFullException::new,
      "use fewer consumers, or raise the broker's limit"),

  /** The transaction is not in a state that allows this. */
  INVALID_TXN_STATE(600, false, InvalidTxnStateException::new,
      "begin a transaction first, and end it once"),

  /** The transaction was aborted, by a time-out for instance. */
  TXN_ABORTED(601, false, TxnAbortedException::new,
      "abort it here too, and start it again from the beginning"),

  /** The broker met a state it should never be in. */
  INTERNAL(700, false, InternalException::new,
      "report it with the broker's log"),

  /** The broker's disk is full; reading goes on. */
  STORAGE_FULL(701, true, StorageFullException::new,
      "free space on the broker's disk or shorten retention"),

  /** The broker's storage failed. */
  STORAGE_FAILED(702, false, StorageFailedException::new,
      "look into the broker's log, mend the disk and restart the broker"),

  /** The broker is stopping. */
  SHUTTING_DOWN(703, true, ShuttingDownException::new,
      "try again on another broker, or when this one is back"),

  /** The broker has more in flight than it takes. */
  OVERLOADED(704, true, OverloadedException::new,
      "try again after a pause"),

  /** The Kafka cluster behind a gateway cannot serve the request now. */
  UNAVAILABLE(705, true, UnavailableException::new,
      "try again after a pause; if it lasts, look at the Kafka cluster behind the gateway"),

  /** No answer came in time. */
  TIMEOUT(900, true, RequestTimeoutException::new,
      "check the broker's load, or raise the time-out"),

  /** No connection to any broker could be made. */
  CONNECT_FAILED(901, true, ConnectFailedException::new,
      "check the addresses and that a broker is listening there"),

  /** The connection was lost before the answer came. */
  CONNECTION_LOST(902, true, ConnectionLostException::new,
      "try again; an idempotent producer does so by itself"),

  /** The client, producer or consumer is closed. */
  CLOSED(903, false, ClosedException::new,
      "open a new one"),

  /** An argument or option is not valid. */
  INVALID_ARGUMENT(904, false, InvalidArgumentException::new,
      "correct the argument that the message names"),

  /** A value could not be turned into bytes, or back. */
  SERIALIZATION(905, false, SerializationException::new,
      "check the value against its serializer"),

  /** The producer's buffer stayed full for as long as one was ready to wait. */
  BUFFER_FULL(906, true, BufferFullException::new,
      "raise buffer_bytes or the time-out, or send more slowly"),

  /** The wait was interrupted by the host. */
  INTERRUPTED(907, false, WaitInterruptedException::new,
      "nothing to do if the interruption was meant"),

  /** The connection could not be secured. */
  TLS_FAILED(908, false, TlsFailedException::new,
      "correct the certificate or the option that the message names"),

  /** An encrypted record does not fit its key, topic and record key, or was altered. */
  DECRYPTION_FAILED(910, false, DecryptionFailedException::new,
      "check the encryption key and where the record comes from; seek past it to go on "
          + "without it"),

  /** The keyring has no key of the id that a record names. */
  UNKNOWN_ENCRYPTION_KEY(911, false, UnknownEncryptionKeyException::new,
      "add the key of this id to the keyring for reading; seek past the record to go on "
          + "without it"),

  /** A defect in FlyMQ itself was caught at the language boundary. */
  PANIC(999, false, PanicException::new,
      "report it with the message and the log");

  private static final Map<Integer, ErrorCode> BY_CODE =
      Stream.of(values()).collect(Collectors.toMap(ErrorCode::code, code -> code));

  private final int code;
  private final boolean retriable;
  private final Function<ErrorDetails, FlyMQException> factory;
  private final String hint;

  ErrorCode(
      int code, boolean retriable, Function<ErrorDetails, FlyMQException> factory, String hint) {
    this.code = code;
    this.retriable = retriable;
    this.factory = factory;
    this.hint = hint;
  }

  /**
   * The entry of a number, if this version knows it.
   *
   * @param code the number
   * @return the entry
   */
  public static Optional<ErrorCode> of(int code) {
    return Optional.ofNullable(BY_CODE.get(code));
  }

  /**
   * The number.
   *
   * @return a number from 100 to 999
   */
  public int code() {
    return code;
  }

  /**
   * Whether the same call may succeed if made again.
   *
   * @return whether it may
   */
  public boolean isRetriable() {
    return retriable;
  }

  private boolean isFatal() {
    return switch (this) {
      case PRODUCER_FENCED, INSTANCE_FENCED, CLOSED, PANIC -> true;
      default -> false;
    };
  }

  /**
   * What to do about it.
   *
   * @return one sentence
   */
  public String hint() {
    return hint;
  }

  /**
   * An exception of this code.
   *
   * @param message what happened, with the names and numbers that matter
   * @return the exception, of the class that stands for the code
   */
  public FlyMQException exception(String message) {
    return exception(new ErrorDetails(code, name(), message, "", hint, retriable, false, isFatal()));
  }

  FlyMQException exception(ErrorDetails details) {
    return factory.apply(details);
  }
}
