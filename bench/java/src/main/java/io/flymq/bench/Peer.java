package io.flymq.bench;

import java.util.List;

/** A system that is measured. Each method works on a topic of its own, with one partition. */
interface Peer {
  /** What it is called in the results. */
  String name();

  void createTopic(String topic) throws Exception;

  void deleteTopic(String topic) throws Exception;

  /** Sends all values through batches, with a producer of its own, and waits until they are acknowledged. */
  void produce(String topic, List<byte[]> values) throws Exception;

  /** Reads all that there is, and returns the sum of {@link Values#check} of it. */
  long consume(String topic, int records) throws Exception;

  /** Sends all values in transactions of so many records, one after the other. */
  void transactions(String topic, List<byte[]> values, int records) throws Exception;

  /** Sends one after the other, over a connection of its own, and returns how long each took, in nanoseconds. */
  long[] send(String topic, List<byte[]> values) throws Exception;

  /** Has a Spring application's listener handle what there is. */
  Handled listen(String topic, int records) throws Exception;

  /**
   * What a listener did.
   *
   * @param nanos from the first record handed over until the last one
   * @param check the sum of {@link Values#check} of them
   */
  record Handled(long nanos, long check) {}
}
