package io.flymq.spring.docs;

import static io.flymq.spring.Apps.bare;
import static io.flymq.spring.Apps.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.client.FlyMQClient;
import io.flymq.client.NewTopic;
import io.flymq.client.PartitionLag;
import io.flymq.spring.FlyMQTemplate;
import io.flymq.spring.reactive.ReactiveFlyMQReceiver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** The Java of docs/spring.md is that of the sources beside this one, and does what the page says. */
class SnippetsTest {
  private static final Path SOURCES = Path.of("src/test/java/io/flymq/spring/docs");
  private static final Pattern BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

  @Test
  void everyBlockIsThatOfASource() throws IOException {
    StringBuilder sources = new StringBuilder();
    try (Stream<Path> files = Files.list(SOURCES)) {
      for (Path file : files.toList()) {
        sources.append(plain(Files.readString(file)));
      }
    }
    List<String> blocks =
        BLOCK
            .matcher(Files.readString(Path.of("../../docs/spring.md")))
            .results()
            .map(block -> plain(block.group(1)))
            // A source may have more behind what is shown of it.
            .map(block -> block.replaceFirst("\n}\n$", "\n"))
            .toList();
    assertThat(blocks).isNotEmpty();
    assertThat(blocks).allSatisfy(block -> assertThat(sources.toString()).contains(block));
  }

  /** Without the spaces that lines begin with. */
  private static String plain(String java) {
    return java.replaceAll("(?m)^ +", "");
  }

  private static ApplicationContextRunner application() {
    return bare()
        .withPropertyValues("flymq.embedded.enabled=true", "flymq.consumer.group-id=billing");
  }

  /** Waits until the group has processed so many records. */
  private static void processed(FlyMQClient client, int count) {
    until(
        () ->
            client.admin().groupLag("billing").stream()
                    .map(PartitionLag::committed)
                    .mapToLong(committed -> committed == null ? 0 : committed + 1)
                    .sum()
                == count);
  }

  @Test
  void theComponentSendsAndListens() {
    application()
        .withUserConfiguration(Billing.class)
        .run(
            context -> {
              Billing billing = context.getBean(Billing.class);
              for (int i = 0; i < 10; i++) {
                billing.order(new Order("o-" + i, 1250));
              }
              FlyMQClient client = context.getBean(FlyMQClient.class);
              processed(client, 10);
              assertThat(client.admin().listTopics()).isEqualTo(java.util.Map.of("orders", 3));
            });
  }

  @Test
  void theHandlersTakeWhatIsTheirs() {
    application()
        .withBean(NewTopic.class, () -> NewTopic.of("orders", 1))
        .withUserConfiguration(Orders.class)
        .run(
            context -> {
              FlyMQTemplate template = context.getBean(FlyMQTemplate.class);
              template.send("orders", new Orders.OrderCreated("o-1"));
              template.send("orders", new Orders.OrderCancelled("o-1"));
              FlyMQClient client = context.getBean(FlyMQClient.class);
              processed(client, 2);
              assertThat(client.admin().listTopics()).containsOnlyKeys("orders");
            });
  }

  @Test
  void theReceiverAcknowledges() {
    application()
        .withBean(NewTopic.class, () -> NewTopic.of("orders", 1))
        .run(
            context -> {
              new ReactiveBilling(context.getBean(ReactiveFlyMQReceiver.class)).start();
              context.getBean(FlyMQTemplate.class).send("orders", new Order("o-1", 1250));
              processed(context.getBean(FlyMQClient.class), 1);
            });
  }
}
