package io.flymq.client.errors;

import java.io.Serializable;

/**
 * What is known of an error.
 *
 * @param code the number in the table of errors
 * @param name the code's stable name, such as {@code UNKNOWN_TOPIC}
 * @param message what happened, with the names and numbers that matter
 * @param operation what was being done, such as {@code produce}; empty where that is plain
 * @param hint what to do about it, in one sentence
 * @param retriable whether the same call may succeed if made again
 * @param abortable whether nothing came of a transaction that may succeed if it is run again from
 *     its beginning
 * @param fatal whether the producer, consumer or client that it comes from can do nothing more
 */
public record ErrorDetails(
    int code,
    String name,
    String message,
    String operation,
    String hint,
    boolean retriable,
    boolean abortable,
    boolean fatal)
    implements Serializable {}
