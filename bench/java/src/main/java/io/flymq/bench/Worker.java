package io.flymq.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;

/**
 * Does one job after another for the comparison with peers, each a line of JSON that is answered by a line.
 * bench/peers/workers.py says what both hold, and starts it.
 */
public final class Worker {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Linux counts processor time in these. */
  private static final double TICKS_PER_SECOND = 100;

  private final Map<String, Peer> peers = new HashMap<>();

  public static void main(String[] arguments) throws Exception {
    // Libraries log to standard output.
    PrintStream out = System.out;
    System.setOut(System.err);
    Worker worker = new Worker();
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Object answer;
      try {
        answer = worker.work(JSON.readTree(line));
      } catch (Exception | AssertionError e) {
        e.printStackTrace();
        answer = Map.of("error", e.toString());
      }
      out.println(JSON.writeValueAsString(answer));
      out.flush();
    }
    System.exit(0);
  }

  private Map<String, Double> work(JsonNode job) throws Exception {
    String kind = job.get("kind").asText();
    String topic = job.get("topic").asText();
    int records = job.get("records").asInt();
    Peer peer = peer(job);
    if (kind.equals("delete")) {
      peer.deleteTopic(topic);
      return Map.of();
    }
    List<byte[]> values = Values.make(records, job.get("record_bytes").asInt());
    if (!kind.equals("consume")) {
      peer.createTopic(topic);
    }
    int connections = job.get("connections").asInt();
    long server = job.get("server_pid").asLong();
    double clientBefore = clientCpu();
    double serverBefore = serverCpu(server);
    long began = System.nanoTime();
    long read = 0;
    long[] took = {};
    switch (kind) {
      case "consume" -> read = peer.consume(topic, records);
      case "latency" ->
          took =
              shares(values, connections, share -> peer.send(topic, share)).stream()
                  .flatMapToLong(LongStream::of)
                  .toArray();
      case "transactions" ->
          peer.transactions(topic, values, job.get("transaction_records").asInt());
      default ->
          shares(
              values,
              connections,
              share -> {
                peer.produce(topic, share);
                return null;
              });
    }
    double seconds = (System.nanoTime() - began) / 1e9;
    Map<String, Double> found = new LinkedHashMap<>();
    found.put("records", (double) records);
    found.put("seconds", seconds);
    found.put("rate", records / seconds);
    found.put("client_cpu_us", (clientCpu() - clientBefore) / records * 1e6);
    found.put("server_cpu_us", (serverCpu(server) - serverBefore) / records * 1e6);
    if (took.length > 0) {
      Arrays.sort(took);
      found.put("p50_us", took[took.length / 2] / 1e3);
      found.put("p99_us", took[took.length * 99 / 100] / 1e3);
    }
    if (kind.equals("fill")) {
      return found;
    }
    boolean stays = kind.equals("consume");
    if ((stays ? read : peer.consume(topic, records))
        != values.stream().mapToLong(Values::check).sum()) {
      throw new AssertionError(peer.name() + " has read something else than was written");
    }
    if (!stays) {
      peer.deleteTopic(topic);
    }
    return found;
  }

  /** The client of this job's server; servers of each durability have their own. */
  private Peer peer(JsonNode job) {
    String address = job.get("address").asText();
    boolean fsync = job.get("durability").asText().equals("fsync");
    boolean ours = job.get("driver").asText().equals("flymq");
    return peers.computeIfAbsent(
        address, it -> ours ? new FlyMQPeer(it) : new KafkaPeer(it, fsync));
  }

  private interface Work<T> {
    T apply(List<byte[]> values) throws Exception;
  }

  /** Divides the values among so many threads, each of which makes a client of its own. */
  private static <T> List<T> shares(List<byte[]> values, int connections, Work<T> work)
      throws Exception {
    if (connections == 1) {
      return Arrays.asList(work.apply(values));
    }
    ExecutorService threads = Executors.newFixedThreadPool(connections);
    try {
      List<Callable<T>> tasks = new ArrayList<>();
      for (int i = 0; i < connections; i++) {
        int from = (int) ((long) values.size() * i / connections);
        int to = (int) ((long) values.size() * (i + 1) / connections);
        tasks.add(() -> work.apply(values.subList(from, to)));
      }
      List<T> results = new ArrayList<>();
      for (Future<T> done : threads.invokeAll(tasks)) {
        results.add(done.get());
      }
      return results;
    } finally {
      threads.shutdown();
    }
  }

  private static double clientCpu() {
    var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return system.getProcessCpuTime() / 1e9;
  }

  private static double serverCpu(long pid) throws Exception {
    String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
    // The command's name, which may contain anything, ends with the last bracket.
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / TICKS_PER_SECOND;
  }
}
