package io.flymq.spring.boot;

import org.jspecify.annotations.Nullable;
import org.springframework.boot.autoconfigure.service.connection.ConnectionDetails;
import org.springframework.boot.ssl.SslBundle;

/** Where the broker is, and how to log in. A bean of this type goes before the properties. */
public interface FlyMQConnectionDetails extends ConnectionDetails {
  /**
   * Brokers to begin with.
   *
   * @return {@code host:port}, several of them with commas between, or a {@code flymq://} or {@code flymqs://} URL;
   *     {@code null} for what the environment says
   */
  @Nullable String getBootstrapServers();

  /** {@return the user to log in as; {@code null} for nobody} */
  default @Nullable String getUsername() {
    return null;
  }

  /** {@return the user's password} */
  default @Nullable String getPassword() {
    return null;
  }

  /** {@return whom to trust, and who the client is; {@code null} for what the properties say} */
  default @Nullable SslBundle getSslBundle() {
    return null;
  }
}
