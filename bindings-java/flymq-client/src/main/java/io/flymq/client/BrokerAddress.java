package io.flymq.client;

/**
 * Where a broker listens.
 *
 * @param id its number in the cluster
 * @param host host name or address
 * @param port port
 */
public record BrokerAddress(int id, String host, int port) {}
