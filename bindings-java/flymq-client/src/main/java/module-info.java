/**
 * The FlyMQ client, and a broker inside the JVM.
 *
 * <p>Begin with {@link io.flymq.client.FlyMQClient}. From JDK 24 on, start the JVM with
 * {@code --enable-native-access=io.flymq.client}, or {@code ALL-UNNAMED} on the class path.
 */
@org.jspecify.annotations.NullMarked
module io.flymq.client {
  requires static transitive org.jspecify;
  requires org.slf4j;
  requires static transitive com.fasterxml.jackson.databind;
  requires static transitive tools.jackson.databind;

  exports io.flymq.client;
  exports io.flymq.client.errors;
  exports io.flymq.client.serde;
}
