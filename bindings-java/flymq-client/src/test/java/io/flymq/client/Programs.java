package io.flymq.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Programs in JVMs of their own. */
final class Programs {
  private Programs() {}

  /** Starts a main class of the tests, on the JVM that runs them. */
  static Process start(List<String> options, Class<?> main, String... arguments)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    if (Runtime.version().feature() >= 22) {
      command.add("--enable-native-access=ALL-UNNAMED");
    }
    command.add("-Dflymq.root=" + Fixtures.ROOT);
    command.add("-Dorg.slf4j.simpleLogger.defaultLogLevel=off");
    command.addAll(
        List.of("-Xcheck:jni", "-cp", System.getProperty("java.class.path"), main.getName()));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  /** Runs it to its end, and returns what it has printed. */
  static String run(List<String> options, Class<?> main, String... arguments)
      throws IOException, InterruptedException {
    return output(start(options, main, arguments));
  }

  /** What a program prints until it ends, which it has to. */
  static String output(Process process) throws IOException, InterruptedException {
    return output(process, Duration.ofMinutes(2));
  }

  /** As {@link #output(Process)}, for one that takes long. */
  static String output(Process process, Duration most) throws IOException, InterruptedException {
    // One that hangs is ended, and fails by its exit code.
    CompletableFuture.delayedExecutor(most.toSeconds(), TimeUnit.SECONDS)
        .execute(process::destroyForcibly);
    try {
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertEquals(0, process.waitFor(), output);
      // What -Xcheck:jni complains of begins so.
      assertFalse(output.contains("WARNING in native method"), output);
      assertFalse(output.contains("WARNING: JNI"), output);
      return output;
    } finally {
      process.destroyForcibly();
    }
  }

  /** The first line that a program prints. */
  static String firstLine(Process process) throws IOException {
    return new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))
        .readLine();
  }
}
