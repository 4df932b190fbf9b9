package io.flymq.client;

import org.jspecify.annotations.Nullable;

/**
 * How far a group is behind in a partition.
 *
 * @param topicPartition the partition
 * @param committed the last offset processed; {@code null} if nothing is committed
 * @param end the offset that the partition's next record will get
 * @param lag how many offsets are yet to be processed, at most; {@code null} if nothing is committed
 */
public record PartitionLag(
    TopicPartition topicPartition, @Nullable Long committed, long end, @Nullable Long lag) {}
