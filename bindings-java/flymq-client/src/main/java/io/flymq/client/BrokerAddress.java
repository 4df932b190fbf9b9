package io.flymq.client;

import io.flymq.client.internal.In;

/**
 * Where a broker listens.
 *
 * @param id its number in the cluster
 * @param host host name or address
 * @param port port
 */
public record BrokerAddress(int id, String host, int port) {
  static BrokerAddress read(In in) {
    return new BrokerAddress(in.int32(), in.text(), in.int32());
  }
}
