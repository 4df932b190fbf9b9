package io.flymq.spring.boot;

import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.client.EmbeddedBroker;
import io.flymq.spring.Apps;
import io.flymq.spring.FlyMQTemplate;
import io.flymq.spring.listener.FlyMQListenerContainerFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What each property means for the core, which refuses what it does not know. */
@Tag("smoke")
class PropertiesTest {
  @TempDir Path folder;

  @Test
  void clientProperties() throws Exception {
    Path password = Files.writeString(folder.resolve("password"), "secret");
    Path keyring = Files.writeString(folder.resolve("keys"), "a:" + "00".repeat(32));
    try (EmbeddedBroker broker =
        EmbeddedBroker.builder().user("ada", "secret".toCharArray()).start()) {
      Apps.bare()
          .withPropertyValues(
              "flymq.bootstrap-servers=" + broker.address(),
              "flymq.client-id=billing",
              "flymq.connect-timeout=3s",
              "flymq.request-timeout=4s",
              "flymq.retry.initial-backoff=10ms",
              "flymq.retry.max-backoff=1s",
              "flymq.username=ada",
              "flymq.password-file=" + password,
              "flymq.sasl-mechanism=scram-sha-256",
              "flymq.allow-plain-without-tls=true",
              "flymq.ssl.enabled=false",
              "flymq.encryption.keyring-file=" + keyring,
              "flymq.encryption.headers=true",
              "flymq.encryption.refuse-plain=true",
              "flymq.properties.max_response_bytes=1000000",
              "flymq.properties.request-timeout-ms=5000")
          .run(
              context -> {
                assertThat(Options.client(context.getBean(FlyMQProperties.class)))
                    .containsExactlyInAnyOrderEntriesOf(
                        new TreeMap<>(
                            Map.ofEntries(
                                Map.entry("client_id", "billing"),
                                Map.entry("connect_timeout_ms", "3000"),
                                Map.entry("request_timeout_ms", "5000"),
                                Map.entry("backoff_initial_ms", "10"),
                                Map.entry("backoff_max_ms", "1000"),
                                Map.entry("password_file", password.toString()),
                                Map.entry("sasl_mechanism", "SCRAM-SHA-256"),
                                Map.entry("allow_plain_without_tls", "true"),
                                Map.entry("tls_enabled", "false"),
                                Map.entry("encryption_keyring_file", keyring.toString()),
                                Map.entry("encrypt_headers", "true"),
                                Map.entry("refuse_plain", "true"),
                                Map.entry("max_response_bytes", "1000000"))));
              });
    }
  }

  @Test
  void producerProperties() {
    Apps.app()
        .withPropertyValues(
            "flymq.producer.linger=1ms",
            "flymq.producer.batch-size=64KB",
            "flymq.producer.buffer-size=1MB",
            "flymq.producer.max-in-flight=2",
            "flymq.producer.compression=zstd",
            "flymq.producer.delivery-timeout=30s",
            "flymq.producer.max-unconfirmed=10",
            "flymq.producer.enqueue-timeout=2s",
            "flymq.producer.transaction-id-prefix=" + Apps.unique("properties"),
            "flymq.producer.transaction-timeout=20s",
            "flymq.producer.properties.linger_ms=0")
        .run(
            context -> {
              String topic = Apps.topic(1);
              FlyMQTemplate template = context.getBean(FlyMQTemplate.class);
              template.send(topic, "a").get();
              template.executeInTransaction(transaction -> transaction.send(topic, "b"));
              assertThat(Apps.values(topic)).containsExactly("a", "b");
            });
  }

  @Test
  void consumerProperties() {
    Apps.app()
        .withPropertyValues(
            "flymq.consumer.group-id=g",
            "flymq.consumer.auto-offset-reset=latest",
            "flymq.consumer.isolation=read-uncommitted",
            "flymq.consumer.assignor=range",
            "flymq.consumer.max-poll-records=7",
            "flymq.consumer.max-poll-interval=60s",
            "flymq.consumer.session-timeout=10s",
            "flymq.consumer.rebalance-timeout=20s",
            "flymq.consumer.fetch-max-wait=100ms",
            "flymq.consumer.fetch-min-size=2B",
            "flymq.consumer.fetch-size=1MB",
            "flymq.consumer.prefetch-size=2MB",
            "flymq.consumer.on-undecryptable=skip",
            "flymq.consumer.properties.instance_id=me")
        .run(
            context -> {
              FlyMQProperties properties = context.getBean(FlyMQProperties.class);
              assertThat(Options.consumer(properties.getConsumer()))
                  .containsExactlyInAnyOrderEntriesOf(
                      new TreeMap<>(
                          Map.ofEntries(
                              Map.entry("group", "g"),
                              Map.entry("auto_offset_reset", "latest"),
                              Map.entry("isolation", "read_uncommitted"),
                              Map.entry("assignor", "range"),
                              Map.entry("max_poll_interval_ms", "60000"),
                              Map.entry("session_timeout_ms", "10000"),
                              Map.entry("rebalance_timeout_ms", "20000"),
                              Map.entry("max_wait_ms", "100"),
                              Map.entry("min_bytes", "2"),
                              Map.entry("fetch_bytes", "1048576"),
                              Map.entry("prefetch_bytes", "2097152"),
                              Map.entry("on_undecryptable", "skip"),
                              Map.entry("instance_id", "me"))));
              context
                  .getBean(io.flymq.spring.FlyMQConsumerFactory.class)
                  .create(Map.of(), builder -> builder)
                  .close();
            });
  }

  @Test
  void listenerProperties() {
    Apps.app()
        .withPropertyValues(
            "flymq.listener.auto-startup=false",
            "flymq.listener.concurrency=3",
            "flymq.listener.ack-mode=record",
            "flymq.listener.poll-timeout=200ms",
            "flymq.listener.shutdown-timeout=3s",
            "flymq.listener.recovery-interval=4s",
            "flymq.listener.missing-topics-fatal=true",
            "flymq.listener.retry.max-attempts=9",
            "flymq.listener.retry.initial-interval=1ms",
            "flymq.listener.retry.multiplier=1.5",
            "flymq.listener.retry.max-interval=9ms",
            "flymq.health.timeout=1s",
            "flymq.template.receive-timeout=1s",
            "flymq.admin.auto-create=false")
        .run(
            context -> {
              assertThat(context).hasSingleBean(FlyMQListenerContainerFactory.class);
              assertThat(context).doesNotHaveBean(io.flymq.spring.TopicCreator.class);
              assertThat(
                      context.getBean(FlyMQListenerContainerFactory.class).options().toString())
                  .contains(
                      "concurrency=3",
                      "ackMode=RECORD",
                      "autoStartup=false",
                      "pollTimeout=PT0.2S",
                      "shutdownTimeout=PT3S",
                      "recoveryInterval=PT4S",
                      "missingTopicsFatal=true");
            });
  }

  @Test
  void unknownOptionsAreRefusedWithASuggestion() {
    Apps.app()
        .withPropertyValues("flymq.properties.conect_timeout_ms=5")
        .run(
            context ->
                assertThat(context.getStartupFailure())
                    .rootCause()
                    .hasMessageContaining("connect_timeout_ms"));
  }

  @Test
  void secretsAreNotShown() {
    Apps.app()
        .withPropertyValues(
            "flymq.username=ada", "flymq.password=secret-word", "flymq.properties.nonsense=1")
        .run(
            context ->
                assertThat(context.getStartupFailure())
                    .rootCause()
                    .message()
                    .doesNotContain("secret-word"));
  }
}
