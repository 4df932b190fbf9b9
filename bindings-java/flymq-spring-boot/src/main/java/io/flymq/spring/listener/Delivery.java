package io.flymq.spring.listener;

import io.flymq.client.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What there is to know of records besides themselves.
 *
 * @param listenerId the listener that they are for
 * @param group its group
 * @param attempt how many times they were handed over by now, from 1
 * @param acknowledgment what to say when they are processed
 * @param consumer what has read them; not to be polled or closed
 */
public record Delivery(
    String listenerId,
    @Nullable String group,
    int attempt,
    Acknowledgment acknowledgment,
    Consumer<byte[], byte[]> consumer) {}
