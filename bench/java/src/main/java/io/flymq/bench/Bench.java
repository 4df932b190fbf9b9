package io.flymq.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The Java client on a FlyMQ broker against kafka-clients on Apache Kafka, and Spring listeners of both: one
 * partition, one thread, no compression. Both in one JVM, in turn, which of them first by turns as well. What
 * was read is compared with what was written. Prints what each round measured, as JSON. bench.py starts it.
 */
public final class Bench {
  /** Rounds that the JIT compiler needs, and that do not count. */
  private static final int WARM_UP = 2;

  private static final int RECORD_BYTES = 100;

  private final List<byte[]> values;
  private final List<byte[]> few;
  private final long check;

  private Bench(int records, int sync) {
    values = Values.make(records, RECORD_BYTES);
    few = values.subList(0, sync);
    check = values.stream().mapToLong(Values::check).sum();
  }

  public static void main(String[] arguments) throws Exception {
    // Applications log to standard output.
    PrintStream out = System.out;
    System.setOut(System.err);
    boolean fsync = arguments[2].equals("fsync");
    List<Peer> peers =
        new ArrayList<>(
            List.of(new FlyMQPeer(arguments[0]), new KafkaPeer(arguments[1], fsync)));
    int rounds = Integer.parseInt(arguments[3]);
    Bench bench = new Bench(Integer.parseInt(arguments[4]), Integer.parseInt(arguments[5]));
    List<Map<String, Map<String, Double>>> measured = new ArrayList<>();
    for (int round = 0; round < WARM_UP + rounds; round++) {
      Map<String, Map<String, Double>> one = new LinkedHashMap<>();
      for (Peer peer : peers) {
        one.put(peer.name(), bench.round(peer, "bench-" + round));
      }
      System.err.println((round < WARM_UP ? "warm-up " : "") + one);
      if (round >= WARM_UP) {
        measured.add(one);
      }
      peers.add(peers.remove(0));
    }
    new ObjectMapper().writeValue(out, measured);
    System.exit(0);
  }

  private Map<String, Double> round(Peer peer, String topic) throws Exception {
    peer.createTopic(topic);
    peer.createTopic(topic + "-sync");
    Map<String, Double> found = new LinkedHashMap<>();
    long began = System.nanoTime();
    peer.produce(topic, values);
    found.put("produce", perSecond(System.nanoTime() - began));
    began = System.nanoTime();
    long read = peer.consume(topic, values.size());
    found.put("consume", perSecond(System.nanoTime() - began));
    Peer.Handled handled = peer.listen(topic, values.size());
    found.put("listener", perSecond(handled.nanos()));
    if (read != check || handled.check() != check) {
      throw new AssertionError(peer.name() + " has read something else than was written");
    }
    long[] took = peer.send(topic + "-sync", few);
    Arrays.sort(took);
    found.put("sync_p50_us", took[took.length / 2] / 1e3);
    found.put("sync_p99_us", took[took.length * 99 / 100] / 1e3);
    return found;
  }

  private double perSecond(long nanos) {
    return values.size() * 1e9 / nanos;
  }
}
