package io.flymq.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.flymq.spring.test.EmbeddedFlyMQ;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.context.annotation.Import;

/** The README's component is {@link Billing}, and does what it says. */
@SpringBootTest(classes = ReadmeTest.Application.class)
@EmbeddedFlyMQ(topics = "orders")
class ReadmeTest {
  @EnableAutoConfiguration
  @Import(Billing.class)
  static class Application {}

  @Autowired Billing billing;

  @Test
  void theReadmeShowsIt() throws Exception {
    String source = Files.readString(Path.of("src/test/java/io/flymq/spring/Billing.java"));
    String readme = Files.readString(Path.of("../../README.md"));
    assertThat(readme).contains("```java spring\n" + source.substring(source.indexOf("@Component")));
  }

  @Test
  void itBillsWhatIsOrdered() throws Exception {
    BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    PrintStream before = System.out;
    System.setOut(
        new PrintStream(OutputStream.nullOutputStream()) {
          @Override
          public void println(String line) {
            lines.add(line);
          }
        });
    try {
      billing.order(new Billing.Order("o-1", 1250)).get();
      assertThat(lines.poll(20, TimeUnit.SECONDS)).isEqualTo("billed Order[id=o-1, cents=1250]");
    } finally {
      System.setOut(before);
    }
  }
}
