package io.flymq.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The Java of the documents compiles, and runs against a broker that has what they speak of. */
class DocumentsTest {
  private static final Pattern BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

  /** The Java of this page belongs to applications of Spring, and is run with those. */
  private static final String SPRING = "docs/spring.md";

  @TempDir Path folder;

  /** All pages that have Java. */
  static List<String> pages() throws IOException {
    List<Path> files = new ArrayList<>();
    files.add(Path.of("README.md"));
    files.add(Path.of("bindings-java/README.md"));
    try (Stream<Path> docs = Files.walk(Fixtures.ROOT.resolve("docs"))) {
      docs.map(Fixtures.ROOT::relativize).forEach(files::add);
    }
    List<String> pages = new ArrayList<>();
    for (String page : files.stream().map(Path::toString).toList()) {
      if (page.endsWith(".md")
          && !page.equals(SPRING)
          && BLOCK.matcher(Files.readString(Fixtures.ROOT.resolve(page))).find()) {
        pages.add(page);
      }
    }
    return pages;
  }

  @ParameterizedTest
  @MethodSource("pages")
  void whatIsWrittenRuns(String document) throws Exception {
    List<String> blocks =
        BLOCK
            .matcher(Files.readString(Fixtures.ROOT.resolve(document)))
            .results()
            .map((MatchResult block) -> block.group(1))
            .toList();
    for (int i = 0; i < blocks.size(); i++) {
      run("Block" + i, blocks.get(i));
    }
  }

  /** A block is a sequence of statements behind imports; it may use {@code client} and {@code broker}. */
  private void run(String name, String block) throws Exception {
    StringBuilder imports = new StringBuilder();
    StringBuilder statements = new StringBuilder();
    for (String line : block.split("\n")) {
      (line.startsWith("import ") ? imports : statements).append(line).append('\n');
    }
    Path source = folder.resolve(name + ".java");
    Files.writeString(
        source,
        """
        import io.flymq.client.*;
        import io.flymq.client.errors.*;
        import io.flymq.client.serde.*;
        import java.nio.file.Path;
        import java.time.*;
        import java.util.*;
        import java.util.concurrent.*;
        %s
        public class %s {
          record Order(int id, String what) {}

          public static void run(EmbeddedBroker broker, FlyMQClient client) throws Exception {
            %s
          }
        }
        """
            .formatted(imports, name, statements));
    int compiled =
        ToolProvider.findFirst("javac")
            .orElseThrow()
            .run(
                System.out,
                System.err,
                "-d",
                folder.toString(),
                "-cp",
                System.getProperty("java.class.path"),
                source.toString());
    assertEquals(0, compiled, block);
    try (EmbeddedBroker broker = EmbeddedBroker.builder().fsync(false).start();
        FlyMQClient client = FlyMQClient.connect(broker.address());
        URLClassLoader loader =
            new URLClassLoader(new URL[] {folder.toUri().toURL()}, getClass().getClassLoader())) {
      for (String topic : List.of("orders", "invoices", "clicks")) {
        client.createTopic(topic, 3);
      }
      client.produce("orders", "ada", "{\"id\":1,\"what\":\"apples\"}");
      loader
          .loadClass(name)
          .getMethod("run", EmbeddedBroker.class, FlyMQClient.class)
          .invoke(null, broker, client);
    } finally {
      delete(folder);
    }
  }

  private static void delete(Path folder) throws IOException {
    List<Path> files = new ArrayList<>();
    try (Stream<Path> found = Files.list(folder)) {
      found.forEach(files::add);
    }
    for (Path file : files) {
      Files.deleteIfExists(file);
    }
  }
}
