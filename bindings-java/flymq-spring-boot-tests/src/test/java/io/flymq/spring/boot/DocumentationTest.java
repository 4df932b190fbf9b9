package io.flymq.spring.boot;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The table in docs/spring.md is what the metadata of the jar says. */
class DocumentationTest {
  private static final Path PAGE = Path.of("../../docs/spring.md");
  private static final String METADATA = "META-INF/spring-configuration-metadata.json";

  @Test
  void thePagesTableIsTheMetadata() throws IOException {
    String page = Files.readString(PAGE);
    String section = page.substring(page.indexOf("\n## Properties"), page.indexOf("\n## Coming"));
    assertThat(section.lines().filter(line -> line.startsWith("| `flymq.")))
        .containsExactlyElementsOf(rows());
  }

  private static List<String> rows() throws IOException {
    List<JsonNode> properties = new ArrayList<>();
    for (var urls = FlyMQProperties.class.getClassLoader().getResources(METADATA);
        urls.hasMoreElements(); ) {
      try (InputStream metadata = urls.nextElement().openStream()) {
        new ObjectMapper().readTree(metadata).get("properties").forEach(properties::add);
      }
    }
    return properties.stream()
        .filter(property -> property.get("name").asText().startsWith("flymq."))
        .sorted(Comparator.comparing(property -> property.get("name").asText()))
        .map(DocumentationTest::row)
        .toList();
  }

  private static String row(JsonNode property) {
    JsonNode value = property.get("defaultValue");
    String shown = value == null || value.isContainerNode() ? "" : "`" + value.asText() + "` ";
    String name = property.get("name").asText();
    assertThat(property.hasNonNull("description")).as(name).isTrue();
    return "| `%s` | %s| %s |".formatted(name, shown, property.get("description").asText());
  }
}
