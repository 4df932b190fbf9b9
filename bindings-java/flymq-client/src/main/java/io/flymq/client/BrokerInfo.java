package io.flymq.client;

import java.util.List;

/**
 * What a broker says of itself.
 *
 * @param address the address it was reached at
 * @param version its software version
 * @param clusterId identity of its data
 * @param features optional operations that it offers
 */
public record BrokerInfo(String address, String version, String clusterId, List<String> features) {}
