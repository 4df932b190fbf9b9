package io.flymq.spring.boot;

import io.flymq.client.FlyMQClient;
import io.flymq.client.FlyMQClientBuilder;
import io.flymq.client.errors.ConnectFailedException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Connects when the application starts, and goes on trying for a while if no broker is there yet. */
final class ClientConnector {
  private static final Logger log = LoggerFactory.getLogger(ClientConnector.class);
  private static final long PAUSE_MILLIS = 500;

  private ClientConnector() {}

  static FlyMQClient connect(FlyMQClientBuilder builder, Duration startupTimeout) {
    long deadline = System.nanoTime() + startupTimeout.toNanos();
    while (true) {
      try {
        return builder.connect();
      } catch (ConnectFailedException error) {
        if (System.nanoTime() >= deadline) {
          throw error;
        }
        log.warn("No broker yet: {}", error.getMessage());
      }
      try {
        Thread.sleep(PAUSE_MILLIS);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while no broker was there yet", interrupted);
      }
    }
  }
}
