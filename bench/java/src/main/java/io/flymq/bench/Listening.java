package io.flymq.bench;

import java.util.concurrent.CountDownLatch;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.Banner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;

/** An application with a listener of text, at its defaults, and a clock. */
abstract class Listening {
  @Value("${records}")
  private int expected;

  private final CountDownLatch done = new CountDownLatch(1);
  private int seen;
  private long check;
  private long first;
  private long last;

  /** The listener was handed a record: on one thread, that of its only consumer. */
  void handled(String value) {
    if (seen == 0) {
      first = System.nanoTime();
    }
    check += Values.check(value);
    seen++;
    if (seen == expected) {
      last = System.nanoTime();
      done.countDown();
    }
  }

  static Peer.Handled run(
      Class<? extends Listening> application, String topic, int records, String... properties)
      throws InterruptedException {
    try (var context =
        new SpringApplicationBuilder(application)
            .web(WebApplicationType.NONE)
            .bannerMode(Banner.Mode.OFF)
            .logStartupInfo(false)
            .properties(properties)
            .properties("topic=" + topic, "records=" + records)
            .run()) {
      Listening listening = context.getBean(application);
      listening.done.await();
      return new Peer.Handled(listening.last - listening.first, listening.check);
    }
  }
}
