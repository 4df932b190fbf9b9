package io.flymq.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.msgpack.jackson.dataformat.MessagePackFactory;

/** A client of {@code docs/protocol.md} alone, for what the real one would not send. */
final class RawClient implements AutoCloseable {
  private static final Map<String, Integer> OPCODES =
      Map.ofEntries(
          Map.entry("PRODUCE", 0x01),
          Map.entry("CONSUME", 0x02),
          Map.entry("CREATE_TOPIC", 0x03),
          Map.entry("DELETE_TOPIC", 0x04),
          Map.entry("FETCH", 0x06),
          Map.entry("METADATA", 0x07),
          Map.entry("LIST_OFFSETS", 0x08),
          Map.entry("ADD_PARTITIONS", 0x09),
          Map.entry("DESCRIBE_TOPIC", 0x0A),
          Map.entry("ALTER_TOPIC", 0x0B),
          Map.entry("INIT_PRODUCER", 0x0C),
          Map.entry("SUBSCRIBE", 0x10),
          Map.entry("COMMIT", 0x11),
          Map.entry("HEARTBEAT", 0x12),
          Map.entry("LEAVE", 0x13),
          Map.entry("COMMITTED", 0x14),
          Map.entry("DESCRIBE_GROUP", 0x16),
          Map.entry("DELETE_GROUP", 0x17),
          Map.entry("BEGIN_TXN", 0x20),
          Map.entry("COMMIT_TXN", 0x21),
          Map.entry("ABORT_TXN", 0x22),
          Map.entry("TXN_OFFSETS", 0x23),
          Map.entry("HELLO", 0x30),
          Map.entry("AUTH", 0x31),
          Map.entry("PING", 0x32));
  private static final ObjectMapper MESSAGE_PACK = new ObjectMapper(new MessagePackFactory());

  private final Socket socket;
  private final DataInputStream in;
  private final DataOutputStream out;
  private int id;

  RawClient(int port) throws IOException {
    socket = new Socket("127.0.0.1", port);
    in = new DataInputStream(socket.getInputStream());
    out = new DataOutputStream(socket.getOutputStream());
    call("HELLO", Map.of("client_id", "raw"));
  }

  /** The answer, which may be an error: that has a {@code code}. */
  JsonNode call(String operation, Map<String, ?> request) throws IOException {
    Map<String, Object> fields = new LinkedHashMap<>(request);
    fields.put("id", ++id);
    byte[] payload = MESSAGE_PACK.writeValueAsBytes(fields);
    Integer opcode = OPCODES.get(operation);
    if (opcode == null) {
      throw new IllegalArgumentException("no opcode for " + operation);
    }
    out.write(new byte[] {(byte) 0xFB, 1, opcode.byteValue()});
    out.writeInt(payload.length);
    out.write(payload);
    out.flush();
    in.readNBytes(3);
    return MESSAGE_PACK.readTree(in.readNBytes(in.readInt()));
  }

  /** A value of the vectors, as MessagePack has it. */
  static Object value(JsonNode json) {
    if (json.has("$bin")) {
      return HexFormat.of().parseHex(json.get("$bin").asText());
    }
    if (json.has("$int")) {
      return new java.math.BigInteger(json.get("$int").asText());
    }
    if (json.isObject()) {
      Map<String, Object> map = new LinkedHashMap<>();
      json.properties().forEach(entry -> map.put(entry.getKey(), value(entry.getValue())));
      return map;
    }
    if (json.isArray()) {
      return java.util.stream.StreamSupport.stream(json.spliterator(), false)
          .map(RawClient::value)
          .toList();
    }
    return new ObjectMapper().convertValue(json, Object.class);
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
