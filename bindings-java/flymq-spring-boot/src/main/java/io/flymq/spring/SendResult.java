package io.flymq.spring;

import io.flymq.client.ProducerRecord;
import io.flymq.client.RecordMetadata;

/**
 * A record that was sent, and where it was stored.
 *
 * @param record the record
 * @param metadata where it was stored
 */
public record SendResult(ProducerRecord<?, ?> record, RecordMetadata metadata) {}
