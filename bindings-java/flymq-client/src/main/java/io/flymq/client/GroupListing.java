package io.flymq.client;

/**
 * A group in a list.
 *
 * @param group the group
 * @param state what it is doing: {@code empty}, {@code rebalancing}, {@code stable}, or what a newer broker
 *     knows
 * @param members how many members it has
 */
public record GroupListing(String group, String state, int members) {}
