package io.flymq.spring.listener;

import io.flymq.client.ConsumerRecord;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A listener has thrown an exception.
 *
 * @param records the record, or those of the batch
 * @param exception the exception
 * @param attempt how many times they were handed over by now, from 1
 * @param listenerId the listener
 * @param group its group
 */
public record ListenerFailure(
    List<ConsumerRecord<byte[], byte[]>> records,
    Exception exception,
    int attempt,
    String listenerId,
    @Nullable String group) {}
