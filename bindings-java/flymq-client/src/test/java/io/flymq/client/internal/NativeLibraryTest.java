package io.flymq.client.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.api.io.TempDir;

class NativeLibraryTest {
  @TempDir Path folder;

  @Test
  void platformsHaveOneNameEach() {
    assertEquals("linux-x86_64", NativeLibrary.platform("Linux", "amd64"));
    assertEquals("macos-aarch64", NativeLibrary.platform("Mac OS X", "arm64"));
    assertEquals("windows-x86_64", NativeLibrary.platform("Windows 11", "x86_64"));
    assertEquals("sunos-sparc", NativeLibrary.platform("SunOS", "sparc"));
  }

  @Test
  void whatTheSystemSaysIsExplained() {
    Path file = Path.of("/tmp/flymq.so");
    String musl = "Error loading shared library ld-linux-x86-64.so.2: No such file or directory";
    assertTrue(NativeLibrary.explain(musl, file).contains("musl"));
    String noexec = "/tmp/flymq.so: failed to map segment from shared object";
    assertTrue(NativeLibrary.explain(noexec, file).contains("-Dflymq.native.dir"));
    assertTrue(NativeLibrary.explain("odd", file).contains("odd"));
  }

  /** Prints the version of the library. */
  static final class VersionProgram {
    public static void main(String[] arguments) {
      System.out.println("version " + Native.version());
    }
  }

  @Test
  void theLibraryIsExtractedWhereTheUserSays() throws Exception {
    Path library = folder.resolve("libraries");
    assertTrue(run("-Dflymq.native.dir=" + library).contains("version 0.1.0"));
    try (Stream<Path> left = Files.list(library)) {
      assertEquals(List.of(), left.toList(), "nothing is left behind");
    }
    Path file = Files.createFile(folder.resolve("file"));
    String output = run("-Dflymq.native.dir=" + file);
    assertTrue(output.contains("the native library cannot be extracted"), output);
    output = run("-Dos.arch=sparc");
    assertTrue(output.contains("no native library for linux-sparc"), output);
  }

  @Test
  @EnabledForJreRange(min = JRE.JAVA_24)
  void theFlagThatIsMissingIsNamed() throws Exception {
    String output = run("--illegal-native-access=deny");
    assertTrue(output.contains("--enable-native-access=ALL-UNNAMED"), output);
    output =
        run("--illegal-native-access=deny", "--enable-native-access=ALL-UNNAMED");
    assertTrue(output.contains("version 0.1.0"), output);
  }

  @Test
  void itWorksAsANamedModule() throws Exception {
    List<String> paths = new ArrayList<>();
    for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
      if (path.contains("slf4j") || path.endsWith("classes") && !path.endsWith("test-classes")) {
        paths.add(path);
      }
    }
    assertFalse(paths.isEmpty());
    String modules = String.join(File.pathSeparator, paths);
    Path source = folder.resolve("Named.java");
    Files.writeString(
        source,
        """
        import io.flymq.client.EmbeddedBroker;
        import io.flymq.client.FlyMQClient;

        class Named {
          public static void main(String[] arguments) {
            try (EmbeddedBroker broker = EmbeddedBroker.start();
                FlyMQClient client = FlyMQClient.connect(broker.address())) {
              System.out.println(client.getClass().getModule().getName() + " " + client.ping());
            }
          }
        }
        """);
    String output =
        java(
            "--module-path",
            modules,
            "--add-modules",
            "io.flymq.client",
            "-Dos.name=Linux",
            source.toString());
    assertTrue(output.contains("io.flymq.client PT"), output);
  }

  private static String run(String... options) throws IOException, InterruptedException {
    List<String> all = new ArrayList<>(Arrays.asList(options));
    all.addAll(
        List.of("-cp", System.getProperty("java.class.path"), VersionProgram.class.getName()));
    return java(all.toArray(String[]::new));
  }

  private static String java(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(Arrays.asList(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes());
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    return output;
  }
}
