package io.flymq.client.internal;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;

/** Finds the native library in the jar, puts it where it can be loaded from, and loads it. */
final class NativeLibrary {
  /** The property that names a folder to extract the library to. */
  static final String FOLDER = "flymq.native.dir";

  private static final String VERSION = "0.1.0";

  private NativeLibrary() {}

  /** Loads the library, and starts what drains its log. */
  static void load() {
    String platform = platform(System.getProperty("os.name"), System.getProperty("os.arch"));
    String name = System.mapLibraryName("flymq_jni");
    String resource = "/io/flymq/native/" + platform + "/" + name;
    try (InputStream library = NativeLibrary.class.getResourceAsStream(resource)) {
      if (library == null) {
        throw new UnsatisfiedLinkError(
            "this jar of flymq-client has no native library for "
                + platform
                + " ("
                + resource
                + "): build it on such a machine with 'mvn install'");
      }
      Path folder = Path.of(System.getProperty(FOLDER, System.getProperty("java.io.tmpdir")));
      Path file = extract(library, folder);
      try {
        load(file);
      } finally {
        // What is loaded stays loaded; where a file in use cannot be deleted, the JVM tries at exit.
        if (!file.toFile().delete()) {
          file.toFile().deleteOnExit();
        }
      }
    } catch (IOException error) {
      throw failed("the native library cannot be extracted: " + error, error);
    }
    if (!VERSION.equals(Native.version())) {
      throw new UnsatisfiedLinkError(
          "the native library is of version " + Native.version() + ", the jar of " + VERSION);
    }
    Native.startLogs(LogBridge.level());
    LogBridge.start();
  }

  /** The name that a platform has in the jar. */
  static String platform(String system, String machine) {
    String os = system.toLowerCase(Locale.ROOT);
    String family =
        os.startsWith("linux")
            ? "linux"
            : os.startsWith("mac") ? "macos" : os.startsWith("windows") ? "windows" : os;
    String arch =
        switch (machine.toLowerCase(Locale.ROOT)) {
          case "amd64", "x86_64", "x64" -> "x86_64";
          case "aarch64", "arm64" -> "aarch64";
          default -> machine;
        };
    return family + "-" + arch;
  }

  /** A file of its own that nobody else can have put there, readable by this user alone. */
  private static Path extract(InputStream library, Path folder) throws IOException {
    Files.createDirectories(folder);
    Path file = Files.createTempFile(folder, "flymq-", "-" + System.mapLibraryName("flymq_jni"));
    Files.copy(library, file, StandardCopyOption.REPLACE_EXISTING);
    return file;
  }

  @SuppressWarnings("restricted")
  private static void load(Path file) {
    try {
      System.load(file.toAbsolutePath().toString());
    } catch (UnsatisfiedLinkError error) {
      throw failed(explain(String.valueOf(error.getMessage()), file), error);
    } catch (RuntimeException refused) {
      // IllegalCallerException, which JDK 17 does not throw.
      String module = NativeLibrary.class.getModule().getName();
      throw failed(
          "the JVM does not let FlyMQ load its native library: start it with --enable-native-access="
              + (module == null ? "ALL-UNNAMED" : module),
          refused);
    }
  }

  /** What the system's message means, and what to do about it. */
  static String explain(String message, Path file) {
    if (message.contains("ld-linux") || message.contains("GLIBC") || message.contains("libc.musl")) {
      return "the native library needs the GNU C library, version 2.31 or later, and this system has an"
          + " older or another one, such as musl (Alpine): use an image that is based on Debian or"
          + " Ubuntu. "
          + message;
    }
    if (message.contains("failed to map segment") || message.contains("not permitted")) {
      return "the native library cannot be loaded from "
          + file.getParent()
          + ", which does not allow to execute files (noexec): name another folder with -D"
          + FOLDER
          + "=DIR. "
          + message;
    }
    return "the native library cannot be loaded: " + message;
  }

  private static UnsatisfiedLinkError failed(String message, Throwable cause) {
    UnsatisfiedLinkError error = new UnsatisfiedLinkError(message);
    error.initCause(cause);
    return error;
  }
}
