package io.flymq.spring.boot.health3;

import io.flymq.spring.boot.FlyMQHealth;
import org.springframework.boot.actuate.health.AbstractHealthIndicator;
import org.springframework.boot.actuate.health.Health;

/** How the broker and the listeners are. */
public class FlyMQHealthIndicator extends AbstractHealthIndicator {
  private final FlyMQHealth health;

  /**
   * An indicator.
   *
   * @param health finds out
   */
  public FlyMQHealthIndicator(FlyMQHealth health) {
    super("FlyMQ could not be asked");
    this.health = health;
  }

  @Override
  protected void doHealthCheck(Health.Builder builder) {
    FlyMQHealth.Result result = health.check();
    builder.withDetails(result.details());
    if (result.up()) {
      builder.up();
    } else if (result.error() != null) {
      builder.down(result.error());
    } else {
      builder.down();
    }
  }
}
