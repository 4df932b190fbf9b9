package io.flymq.client.internal;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** Passes what the native library logs on to SLF4J, in batches, on a thread of its own. */
final class LogBridge {
  private static final Level[] LEVELS = {
    Level.ERROR, Level.WARN, Level.INFO, Level.DEBUG, Level.TRACE
  };

  private LogBridge() {}

  /** How much of what is logged has to cross, by the level of the logger {@code io.flymq}. */
  static int level() {
    Logger root = LoggerFactory.getLogger("io.flymq");
    int level = 0;
    while (level < LEVELS.length && root.isEnabledForLevel(LEVELS[level])) {
      level++;
    }
    return level;
  }

  static void start() {
    Thread thread = new Thread(LogBridge::run, "flymq-logs");
    thread.setDaemon(true);
    thread.start();
  }

  /** Each line has a level, where it comes from, and its text. */
  private static void run() {
    while (true) {
      byte[] batch = Native.takeLogs();
      if (batch == null) {
        return;
      }
      In in = new In(batch, 0);
      while (in.remaining() > 0) {
        Level level = LEVELS[in.int8()];
        String origin = in.text();
        String text = in.text();
        try {
          LoggerFactory.getLogger(origin).atLevel(level).log(text);
        } catch (RuntimeException broken) {
          // An appender that fails must not end the thread; there is nowhere to log it.
        }
      }
    }
  }
}
